"""Statistics of the jobs: pure functions."""
