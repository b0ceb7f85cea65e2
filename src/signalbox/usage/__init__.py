"""Usage of the assessor's clients: an estimate of energy, and the monthly table."""
