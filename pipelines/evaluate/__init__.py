"""Evaluate the running services: `signalbox-jobs evaluate`."""
