"""Checkpoints read by their headers: config.json and the tables of tensors, without the weights."""
