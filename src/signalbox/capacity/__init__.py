"""Capacity planner: which model fits on which GPU, and what it will hold there. Start at `plan.py`."""
