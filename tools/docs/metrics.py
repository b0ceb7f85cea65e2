"""docs/reference/metrics.md: every metric."""

from __future__ import annotations

from signalbox.contracts import metrics
from tools.docs import HEADER


def metrics_page() -> str:
    """Every metric with its kind, labels and help."""
    lines = [HEADER + "# Metrics", "", "| name | kind | labels | meaning |", "|---|---|---|---|"]
    for metric in metrics.ALL:
        name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(lines) + "\n"
