"""The encoder: a KServe predictor."""
