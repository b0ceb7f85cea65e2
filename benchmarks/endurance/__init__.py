"""Mixed load on the local stack with faults: `make bench-endurance MINUTES=45`."""
