"""What a person should know about the rows of a new task, with numbers: too few, uneven, or in one family. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from signalbox.contracts.record import LabeledText
from signalbox.errors import InputError
from signalbox.new_task.splits import SHARES, Cell
from signalbox.thresholds import MINIMUM_ROWS

# Two families to learn from, and one each to calibrate and to test.
FEWEST_FAMILIES = 4
# With fewer test rows, the interval of a label's recall is wider than ± 25 points.
_FEW_TEST_ROWS = 16
_UNEVEN = 5.0
_LARGE_FAMILY = 0.1
_SHOWN = 5


def check_rows(path: Path, rows: Sequence[LabeledText], labels: Sequence[str]) -> None:
    """Raise InputError where a label has too few families in a language for the three splits."""
    languages = Counter(row.language for row in rows)
    families = {
        cell: len({row.family for row in members})
        for cell, members in _by_cell(rows, labels, languages).items()
    }
    short = {cell: count for cell, count in families.items() if count < FEWEST_FAMILIES}
    if not short:
        return
    shown = [f"`{label}` in {language}: {count}" for (label, language), count in list(short.items())[:_SHOWN]]
    more = f", and {len(short) - _SHOWN} more" if len(short) > _SHOWN else ""
    raise InputError(
        "--from",
        str(path),
        f"Each label needs {FEWEST_FAMILIES} different texts in each language; near-duplicates count once. Add texts, "
        "merge the label with another one, or remove it. If the languages are wrong, set --language.",
        problem=f"{path} has too few texts: {', '.join(shown)}{more}.",
    )


def warnings(rows: Sequence[LabeledText], labels: Sequence[str]) -> list[str]:
    """Risks of a task that can be written."""
    return [*_thresholds(rows), *_intervals(rows, labels), *_imbalance(rows), *_families(rows)]


def cell_counts(rows: Sequence[LabeledText]) -> Mapping[tuple[Cell, str], int]:
    """Rows by label, language and split."""
    return Counter(((row.label, row.language), row.split) for row in rows)


def _by_cell(
    rows: Sequence[LabeledText], labels: Sequence[str], languages: Mapping[str, int]
) -> dict[Cell, list[LabeledText]]:
    cells: dict[Cell, list[LabeledText]] = {
        (label, language): [] for label in labels for language in languages
    }
    for row in rows:
        cells[row.label, row.language].append(row)
    return cells


def _thresholds(rows: Sequence[LabeledText]) -> list[str]:
    counts = Counter(row.language for row in rows if row.split == "calibration")
    needed = math.ceil(MINIMUM_ROWS / SHARES["calibration"])
    return [
        f"{language}: {count} rows to calibrate, but thresholds need {MINIMUM_ROWS}. Without them every answer is yellow. "
        f"Collect about {needed} texts in this language"
        for language, count in counts.items()
        if count < MINIMUM_ROWS
    ]


def _intervals(rows: Sequence[LabeledText], labels: Sequence[str]) -> list[str]:
    counts = Counter(row.label for row in rows if row.split == "test")
    few = [(label, counts[label]) for label in labels if counts[label] < _FEW_TEST_ROWS]
    if not few:
        return []
    label, count = min(few, key=lambda item: item[1])
    # Half the width of the 95 % interval of a share of one half.
    points = 98 / math.sqrt(count)
    return [
        f"{len(few)} of {len(labels)} labels have fewer than {_FEW_TEST_ROWS} test rows. The fewest has `{label}`: "
        f"{count} rows, so its recall is known to ± {points:.0f} points at best"
    ]


def _imbalance(rows: Sequence[LabeledText]) -> list[str]:
    ordered = Counter(row.label for row in rows).most_common()
    (first, most), (last, fewest) = ordered[0], ordered[-1]
    if most < _UNEVEN * fewest:
        return []
    return [
        f"uneven labels: `{first}` has {most} rows and `{last}` {fewest}. A model that always answers `{first}` is right in "
        f"{100 * most / len(rows):.0f}%: use balanced accuracy"
    ]


def _families(rows: Sequence[LabeledText]) -> list[str]:
    family, count = Counter(row.family for row in rows).most_common(1)[0]
    if count <= max(_SHOWN, _LARGE_FAMILY * len(rows)):
        return []
    text = next(row.text for row in rows if row.family == family)
    return [
        f"{count} of {len(rows)} texts are one family, as they share most of their words. They are in one split. The first "
        f"one is `{text[:60]}`"
    ]
