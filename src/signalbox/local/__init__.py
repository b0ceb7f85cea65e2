"""The whole stack on one machine, as processes: for `make demo` and for development."""
