"""From a question to an answer: options, ranking, alternatives, engine arguments and Helm values."""
