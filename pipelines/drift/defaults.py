"""Defaults of the drift job."""

REFERENCE_DAYS, CURRENT_DAYS = 28, 7  # whole weeks, so that weekdays are not mistaken for drift
ALPHA = 0.01  # of a run; with a run a night, 0.05 would be a false alarm every three weeks
