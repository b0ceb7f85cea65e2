"""The drift job next to its peers: the rows of benchmarks/drift_peers.py, which measures them in turns by itself."""

from __future__ import annotations

import benchmarks.drift_peers
from benchmarks.peers.environments import Report
from benchmarks.peers.rounds import Size


def run(size: Size, report: Report) -> list[dict[str, object]]:
    """Its rows; it has one size, which takes minutes, so a quick run leaves it out."""
    if size.quick:
        report("  · drift is left out of a quick run: `python -m benchmarks drift_peers` takes minutes")
        return []
    return benchmarks.drift_peers.run()
