"""Weights of GGUF files, from tables of their quantizations."""
