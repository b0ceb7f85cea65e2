"""The rows of a comparison: by tier and language, with the calibration rows that set the models' cuts."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from pipelines.baselines import check_learnable, teachable
from pipelines.classes import Classes
from signalbox.contracts.labels import listed
from signalbox.contracts.record import LabeledText, Tier
from signalbox.errors import InputError
from signalbox.tasks import Split, Task, load_data

TIERS: tuple[Tier, ...] = get_args(Tier)
_FEWEST_CALIBRATION = 15  # rows of a language and label, below which a limit does not go: a cut needs 20 rows


@dataclass(frozen=True)
class Cell:
    """The rows of one tier and language. `learning` rows teach the baselines."""

    tier: Tier
    language: str
    test: tuple[LabeledText, ...]
    calibration: tuple[LabeledText, ...]
    learning: tuple[LabeledText, ...]

    @property
    def name(self) -> str:
        return f"{self.tier}, {self.language}"

    @property
    def families(self) -> list[str]:
        """The family of each test row."""
        return [row.family for row in self.test]


def row_key(row: LabeledText) -> str:
    """What an answer depends on: a digest of the text and its language. The label and the id may change."""
    return hashlib.sha256(f"{row.language}\0{row.text}".encode()).hexdigest()[:16]


def load_cells(
    task: Task,
    *,
    tiers: Collection[str] = (),
    languages: Collection[str] = (),
    limit: int | None = None,
    learn_from: Sequence[Split] = ("few-shot",),
) -> list[Cell]:
    """The cells of these tiers and languages (default: all that have test rows). Raises InputError.

    `limit` is the number of test rows of each label, tier and language; they are taken in turn from all families.
    """
    for language in languages:
        task.language(language)
    by_tier = {tier: load_data(task, tier=tier) for tier in TIERS}
    present = [tier for tier in TIERS if any(row.split == "test" for row in by_tier[tier])]
    for tier in tiers:
        if tier not in present:
            hint = f"The task {task.name} has test rows in {listed(present)}; choose from them, or add rows."
            raise InputError("--tier", tier, hint)
    names = [tier for tier in present if not tiers or tier in tiers]
    cells = [
        _cell(task, tier, language, by_tier[tier], limit, learn_from)
        for tier in names
        for language in sorted(task.languages)
        if (not languages or language in languages)
        and any(row.split == "test" and row.language == language for row in by_tier[tier])
    ]
    if not cells:
        raise InputError("split", "test", f"{task.folder}/data.jsonl has no such rows; add some.")
    return cells


def round_robin(rows: Iterable[LabeledText], limit: int | None) -> list[LabeledText]:
    """At most `limit` rows of each label, taken in turn from all families, in the order of the file."""
    rows = list(rows)
    if limit is None:
        return rows
    queues: dict[str, dict[str, list[LabeledText]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        queues[row.label][row.family].append(row)
    chosen: set[str] = set()
    for families in queues.values():
        in_turn = sorted(
            (place, order, row.id)
            for order, queue in enumerate(families.values())
            for place, row in enumerate(queue)
        )
        chosen |= {identity for _, _, identity in in_turn[:limit]}
    return [row for row in rows if row.id in chosen]


def data_digest(cells: Iterable[Cell]) -> str:
    """Digest of the rows with their labels: equal for two comparisons on the same data."""
    digest = hashlib.sha256()
    for cell in cells:
        for row in (*cell.test, *cell.calibration):
            digest.update(row.model_dump_json().encode())
    return digest.hexdigest()[:16]


def _cell(
    task: Task,
    tier: Tier,
    language: str,
    rows: Sequence[LabeledText],
    limit: int | None,
    learn_from: Sequence[Split],
) -> Cell:
    here = [row for row in rows if row.language == language]
    test = round_robin((row for row in here if row.split == "test"), limit)
    classes = Classes.of(task)
    if len({row.label for row in test}) < 2:
        problem = f"The test rows of the tier {tier} in the language {language} have one label only: {test[0].label}."
        hint = f"Add rows of {listed(name for name in task.names if name != test[0].label)} to data.jsonl."
        raise InputError("split", "test", hint, problem=problem)
    few = None if limit is None else max(limit, _FEWEST_CALIBRATION)
    calibration = round_robin((row for row in here if row.split == "calibration"), few)
    learning = teachable(classes, [row for row in here if row.split in learn_from])
    check_learnable(classes, learning, {language})
    return Cell(tier, language, tuple(test), tuple(calibration), tuple(learning))
