"""Expected speed, energy and cost."""
