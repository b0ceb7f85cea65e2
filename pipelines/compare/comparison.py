"""A comparison of models and baselines on the same rows, and the conclusion that its paired tests allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.baselines import BASELINES
from pipelines.statistics import mcnemar_p_value

LEVEL = 0.05  # of the paired test


@dataclass(frozen=True)
class Entry:
    """A row of the table: a model or a baseline. Balanced accuracy and macro F1 are of all rows together."""

    name: str
    right: tuple[bool, ...]
    latencies_seconds: tuple[float, ...]
    memory_bytes: int | None
    size_bytes: int | None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None


@dataclass(frozen=True)
class Comparison:
    """All rows of the table, with the conclusion. `row_languages` are those of the test rows."""

    task: str
    languages: tuple[str, ...]
    row_languages: tuple[str, ...]
    entries: tuple[Entry, ...]
    conclusion: str


def conclude(entries: Sequence[Entry]) -> str:
    """One sentence, from exact paired tests (McNemar). Pure."""
    majority = next(entry for entry in entries if entry.name == "majority")
    better = [e for e in entries if sum(e.right) > sum(majority.right) and _differ(e, majority)]
    best = max(better or entries, key=lambda entry: sum(entry.right))
    if not better:
        return (
            f"No model is distinguishable from the majority baseline on these {len(best.right)} rows "
            f"(best: {best.name}, {sum(best.right) / len(best.right):.2f}). More labels or a larger model are needed."
        )
    equals = [entry for entry in entries if not _differ(best, entry)]
    smallest = min(equals, key=lambda entry: (_effort(entry), entry is not best))
    if smallest is not best:
        return (
            f"Best is {best.name}; the smallest that is not distinguishable from it on these rows is {smallest.name} "
            f"(p = {mcnemar_p_value(best.right, smallest.right):.2f})."
        )
    if best.name in BASELINES:
        return f"The baseline {best.name} is the best on these rows; no model is better than it."
    return f"{best.name} is better than every smaller model on these rows (p ≤ {LEVEL})."


def _differ(one: Entry, other: Entry) -> bool:
    return mcnemar_p_value(one.right, other.right) <= LEVEL


def _effort(entry: Entry) -> float:
    """For the order by size: a baseline is no model at all, a model elsewhere may be of any size."""
    if entry.name in BASELINES:
        return 0.0
    return math.inf if entry.size_bytes is None else float(entry.size_bytes)
