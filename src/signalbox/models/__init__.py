"""Clients for the models: encoder (open inference protocol) and decoder (OpenAI chat completions)."""
