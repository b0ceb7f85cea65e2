"""Hot paths next to what a user would take instead, on the same machine in the same run: `make bench-peers`."""
