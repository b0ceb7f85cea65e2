"""Instruction counts of the hottest functions, compared with those of the last commit: `make bench-instructions`."""
