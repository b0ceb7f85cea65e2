"""What a reader must know about the machine of a measurement."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from signalbox.cpus import usable_cpus


def conditions() -> dict[str, object]:
    """Day, cores, and the load average of the last 15 minutes, which includes the measurement's own."""
    return {
        "day": datetime.now(UTC).date().isoformat(),
        "cores": usable_cpus(),
        "load": round(os.getloadavg()[2], 1),
    }


def measured(where: Mapping[str, object]) -> str:
    """These conditions as a sentence of a page."""
    return f"Measured on {where['day']}, {where['cores']} shared cores, load average {where['load']}."
