"""Simulations of the certificate: violations and share of green of the shipped procedure, and of its detector.

`python -m benchmarks.certificate` runs all tables of docs/reference/certificate.md; `python -m benchmarks.certificate spending
--runs 300` one of them with fewer runs. `python -m benchmarks certificate` runs them with 200 runs.
"""

from __future__ import annotations

_FEW_RUNS = 200


def run() -> list[dict[str, object]]:
    """All tables with few runs, as a part of all benchmarks."""
    from benchmarks.certificate.tables import TABLES

    return [row for table in TABLES.values() for row in table(_FEW_RUNS)]
