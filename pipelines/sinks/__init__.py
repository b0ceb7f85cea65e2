"""Where the jobs write their results: MLflow runs and Prometheus textfiles."""
