"""Runbooks of the alerts, packaged from docs/runbooks, and `signalbox why`."""
