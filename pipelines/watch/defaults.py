"""Defaults of the watch job, without its libraries."""

ALPHA = 0.001
CURRENT_DAYS = 7
