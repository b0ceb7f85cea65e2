"""The rows of a comparison: by tier and language, with the calibration rows that set the models' cuts."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from pipelines.baselines import check_learnable, teachable
from pipelines.classes import Classes
from pipelines.statistics import round_robin
from pipelines.strata import Stratum, strata_of, stratum_of
from signalbox.contracts.labels import listed
from signalbox.contracts.record import LabeledText
from signalbox.errors import InputError
from signalbox.tasks import Split, Task, load_all, select_tiers, tiers_of

_FEWEST_CALIBRATION = 15  # rows of a language and label, below which a limit does not go: a cut needs 20 rows


@dataclass(frozen=True)
class Cell:
    """The rows of one tier and language. `learning` rows teach the baselines."""

    stratum: Stratum
    test: tuple[LabeledText, ...]
    calibration: tuple[LabeledText, ...]
    learning: tuple[LabeledText, ...]

    @property
    def name(self) -> str:
        """For names of metrics and keys."""
        return self.stratum.name

    @property
    def title(self) -> str:
        """For people."""
        return self.stratum.title

    @property
    def families(self) -> list[str]:
        """The family of each test row."""
        return [row.family for row in self.test]


def row_key(row: LabeledText) -> str:
    """What an answer depends on: a digest of the text, its language and its passages. The label and the id may change."""
    return hashlib.sha256("\0".join([row.language, row.text, *row.context]).encode()).hexdigest()[:16]


def load_cells(
    task: Task,
    *,
    tiers: Collection[str] = (),
    languages: Collection[str] = (),
    limit: int | None = None,
    learn_from: Sequence[Split] = ("few-shot",),
) -> list[Cell]:
    """The cells of these tiers and languages (default: all that have test rows). Raises InputError.

    `limit` is the number of test rows of each label, tier and language, from as many families as possible.
    """
    for language in languages:
        task.language(language)
    rows = load_all(task)
    included = select_tiers(task, tiers) if tiers else tiers_of(rows)
    strata = [
        stratum
        for stratum in strata_of(rows)
        if stratum.tier in included and (not languages or stratum.language in languages)
    ]
    cells = [_cell(task, stratum, rows, limit, learn_from) for stratum in strata]
    return [cell for cell in cells if cell is not None] or _no_test_rows(task, strata)


def data_digest(cells: Iterable[Cell]) -> str:
    """Digest of the rows with their labels: equal for two comparisons on the same data."""
    digest = hashlib.sha256()
    for cell in cells:
        for row in (*cell.test, *cell.calibration):
            digest.update(row.model_dump_json().encode())
    return digest.hexdigest()[:16]


def limited(rows: Sequence[LabeledText], limit: int | None) -> list[LabeledText]:
    """At most `limit` rows of each label, taken from all families in turn, in the order of the file."""
    if limit is None:
        return list(rows)
    ids: set[str] = set()
    for label in {row.label for row in rows}:
        here = [row for row in rows if row.label == label]
        ids |= {here[place].id for place in round_robin([row.family for row in here])[:limit]}
    return [row for row in rows if row.id in ids]


def _cell(
    task: Task, stratum: Stratum, rows: Sequence[LabeledText], limit: int | None, learn_from: Sequence[Split]
) -> Cell | None:
    """The cell of a stratum; None where it has no test rows. Passages are no test rows: they measure evidence."""
    here = [row for row in rows if stratum_of(row) == stratum]
    test = limited([row for row in here if row.split == "test" and row.decisive is None], limit)
    if not test:
        return None
    if len({row.label for row in test}) < 2:
        problem = f"The test rows of {stratum.title} have one label only: `{test[0].label}`."
        hint = f"Add rows of {listed(name for name in task.names if name != test[0].label)} to data.jsonl."
        raise InputError("split", "test", hint, problem=problem)
    few = None if limit is None else max(limit, _FEWEST_CALIBRATION)
    calibration = limited([row for row in here if row.split == "calibration"], few)
    learning = teachable(Classes.of(task), [row for row in here if row.split in learn_from])
    check_learnable(Classes.of(task), learning, {stratum.language})
    return Cell(stratum, tuple(test), tuple(calibration), tuple(learning))


def _no_test_rows(task: Task, strata: Sequence[Stratum]) -> NoReturn:
    where = ", ".join(stratum.title for stratum in strata) or "these languages"
    raise InputError(
        "split",
        "test",
        f"Add rows of the split `test` to {task.folder}/data.jsonl, or choose another tier or language.",
        problem=f"The task {task.name} has no test rows in {where}.",
    )
