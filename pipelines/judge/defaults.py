"""Defaults of the judge job."""

DAYS, SAMPLE, CONCURRENCY = 7, 500, 2
# All combinations of verdicts are listed to force one line: 64 of them for six questions.
MOST_PER_CALL = 6
