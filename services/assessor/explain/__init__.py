"""Evidence in the assessor: measured by `explainer`, put into words by `texts`."""
