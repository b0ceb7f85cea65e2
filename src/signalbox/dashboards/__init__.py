"""Boards in a Grafana: compare them with the generated ones, push and pull them (`signalbox dashboards`)."""
