"""What each client uses: requests, tokens, seconds of models, and an estimate of energy."""
