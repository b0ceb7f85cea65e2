"""The section Endurance of docs/reference/performance.md, from the figures of a kept run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.endurance.events import MOST_HANDLES, MOST_MIB
from benchmarks.machine import measured
from benchmarks.tables import table

FIGURES = Path(__file__).with_name("figures.json")
PLOT = Path(__file__).parents[2] / "docs/images/endurance.svg"


def section(figures: dict[str, Any]) -> str:
    """What the run saw, and the plot."""
    confirmed, lost = figures["confirmed"], figures["lost"]
    errors, jobs = figures["errors"], figures["jobs"]
    verdict = "passed" if figures["passed"] else "**failed**"
    return f"""## Endurance
`make bench-endurance MINUTES={figures["minutes"]:g}`: the local stack under a mixed load, with Prometheus scraping, jobs one after the other, and a
fault every five minutes ([what it fails on](../decisions/0079-endurance.md)). The run {verdict}.
{measured(figures["measured"])}

- Confirmed were {confirmed["record"]:,} records and {confirmed["feedback"]:,} entries of feedback; missing at the end: {lost["record"]} and {lost["feedback"]}.
- Responses of class 5xx: {errors["5xx in faults"]} in faults, {errors["5xx otherwise"]} otherwise. Without an answer: {errors["no answer in faults"]} in faults, {errors["no answer otherwise"]} otherwise.
- Jobs: {jobs["run"]} were run, {jobs["failed outside faults"]} failed outside of a fault.
- Faults: {", ".join(figures["faults"])}.

Latency, without the windows of faults:

{table(figures["latencies"])}

Memory and open file handles, medians of the second and the last fifth of each process. The bounds are + {MOST_MIB} MiB and + {MOST_HANDLES}
handles:

{table(figures["processes"])}

![Memory, file handles and latency over time, with the faults in gray](../images/endurance.svg)
"""


def kept() -> str:
    """The section of the kept run, or nothing."""
    return section(json.loads(FIGURES.read_text(encoding="utf-8"))) if FIGURES.exists() else ""
