"""Prometheus for the local stack, where Debian's program is installed; everything else works without it."""
