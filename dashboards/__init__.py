"""Grafana boards, recording rules and alerts, as Python: `python -m dashboards` writes the files of charts/monitoring.

A board names its metrics through `signalbox.contracts.metrics` and `metrics.yaml`; a name that neither defines
fails the generation.
"""
