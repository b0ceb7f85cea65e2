"""Validation of the planner against measured boots, and the tables and pages generated from it."""

from pathlib import Path

DATA = Path(__file__).parent / "data"
