"""Recording rules and alerts, and the files of charts/monitoring with them."""
