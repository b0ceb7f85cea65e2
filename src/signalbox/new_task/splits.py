"""Splits by family, with each label and language in the same shares. Pure, and the same for the same file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from signalbox.contracts.record import text_sha256
from signalbox.tasks import Split

# Half of the texts train the encoder and the baselines; thresholds and figures need texts of their own.
SHARES: dict[Split, float] = {"few-shot": 0.5, "calibration": 0.25, "test": 0.25}

# A label in a language.
Cell = tuple[str, str]


def splits_of(families: Sequence[int], cells: Sequence[Cell], texts: Sequence[str]) -> list[Split]:
    """The split of each row. A family goes where most is missing of its labels and languages, large families first."""
    members: dict[int, Counter[Cell]] = defaultdict(Counter)
    for family, cell in zip(families, cells, strict=True):
        members[family][cell] += 1
    totals = Counter(cells)
    counts: dict[Split, Counter[Cell]] = {split: Counter() for split in SHARES}
    splits: dict[int, Split] = {}
    for family in sorted(members, key=lambda root: (-members[root].total(), text_sha256(texts[root]))):
        rows = members[family]
        split = max(SHARES, key=lambda name: _gap(rows, totals, counts[name], SHARES[name]))
        splits[family] = split
        counts[split].update(rows)
    return [splits[family] for family in families]


def _gap(rows: Counter[Cell], totals: Counter[Cell], counts: Counter[Cell], share: float) -> float:
    """How much a split is short of its share of these cells, in parts of the share."""
    return sum(
        count * (share * totals[cell] - counts[cell]) / (share * totals[cell]) for cell, count in rows.items()
    )
