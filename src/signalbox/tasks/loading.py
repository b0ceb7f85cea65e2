"""Reading a task's folder: `task.yaml` and `data.jsonl`. What is wrong is named with file, field and value."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import ValidationError

from signalbox.contracts.record import LabeledText, Tier
from signalbox.errors import InputError
from signalbox.tasks.task import Task

Split = Literal["few-shot", "pool", "calibration", "test"]


def load_task(folder: Path) -> Task:
    """Read `folder/task.yaml`. Raises InputError naming the file, the field and the hint."""
    path = folder / "task.yaml"
    if not path.is_file():
        raise InputError(
            "task",
            str(folder),
            f"Tasks next to it: {', '.join(known_tasks(folder.parent)) or 'none'}.",
            problem=f"{folder} has no task.yaml.",
        )
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Task.model_validate({**raw, "folder": folder})
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise InputError(str(path), "(not a YAML mapping)", f"Fix the file: {error}") from error
    except InputError as error:
        problem = f"{path}: {error.message}"
        raise InputError(f"{path}: {error.field}", error.value, error.hint, problem=problem) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where}", first.get("input"), first["msg"]) from error


def load_data(task: Task, split: Split | None = None, tier: Tier | None = None) -> list[LabeledText]:
    """The labeled texts of one tier of a task, in file order; `split` keeps one split only.

    The default is the first tier that the task has: `everyday` before `hard`. Of a task without tiers it is all.
    """
    rows = load_all(task)
    chosen = tier or tiers_of(rows)[0]
    return [row for row in rows if row.tier == chosen and split in (None, row.split)]


def load_all(task: Task) -> list[LabeledText]:
    """The labeled texts of every tier and split, in file order: for what must hold for all of them, such as a leak."""
    path = task.folder / "data.jsonl"
    rows: list[LabeledText] = []
    # Not splitlines: a text may contain U+2028, which is no end of a JSON line.
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = LabeledText.model_validate(json.loads(line))
        except (json.JSONDecodeError, ValidationError) as error:
            raise InputError(f"{path}:{number}", line, f"Not a labeled text: {error}") from error
        task.language(row.language)
        name = task.check_label(row.label, f"{path}:{number}: label")
        rows.append(row.model_copy(update={"label": name}))
    check_ids(rows)
    check_families(rows)
    check_tiers(rows)
    return rows


def tiers_of(rows: Iterable[LabeledText]) -> tuple[Tier | None, ...]:
    """The tiers of the rows in their order, everyday first; only None for rows without tiers."""
    present = {row.tier for row in rows}
    return tuple(tier for tier in get_args(Tier) if tier in present) or (None,)


def select_tiers(task: Task, names: Iterable[str] | None = None) -> tuple[Tier | None, ...]:
    """The tiers with these names, in their order; for no names the first one of the task.

    Raises InputError for a tier that the task's data do not have.
    """
    here = tiers_of(load_all(task))
    names = list(names or ())
    for name in names:
        if name not in here:
            known = [tier for tier in here if tier is not None]
            hint = (
                f"Choose {' or '.join(known)}." if known else "Leave the option out: the task has no tiers."
            )
            raise InputError("--tier", name, hint)
    return tuple(tier for tier in here if tier in names) if names else here[:1]


def evaluation_rows(task: Task, tier: Tier | None = None) -> list[LabeledText]:
    """The rows that models are evaluated on: the test split of a tier without its passages.

    A passage has several sentences, one of which decides. Passages serve to measure evidence, and a share that mixes
    them with sentences describes neither.
    """
    return [row for row in load_data(task, "test", tier) if row.decisive is None]


def of_today(task: Task, rows: Iterable[LabeledText]) -> tuple[list[LabeledText], Counter[str]]:
    """Rows under the names that their labels have today, and how many are left out by label: the task has it no longer.

    For ground truth in the store, which keeps the label as it was entered.
    """
    today, left_out = [], Counter[str]()
    for row in rows:
        name = task.current(row.label)
        if name is None:
            left_out[row.label] += 1
        else:
            today.append(row.model_copy(update={"label": name}))
    return today, left_out


def check_ids(rows: list[LabeledText]) -> None:
    """Raise InputError when two rows share an id: an evaluation would confuse their answers."""
    counts = Counter(row.id for row in rows)
    if repeated := sorted(name for name, count in counts.items() if count > 1):
        raise InputError(
            "id", repeated[0], f"{counts[repeated[0]]} rows have it; use a different id for each row."
        )


def check_families(rows: list[LabeledText]) -> None:
    """Raise InputError when a family is in two splits: its paraphrases would leak."""
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        splits[row.family].add(row.split)
    for family, names in splits.items():
        if len(names) > 1:
            raise InputError(
                "family",
                family,
                "Keep a family in one split.",
                problem=f"The family {family!r} is in the splits {sorted(names)}.",
            )


def check_tiers(rows: list[LabeledText]) -> None:
    """Raise InputError when some rows have a tier and others do not: the latter would be in no figure."""
    without = [row.id for row in rows if row.tier is None]
    if without and len(without) < len(rows):
        hint = f"Write `tier` into each row, or into none. Rows without it: {len(without)} of {len(rows)}."
        raise InputError(f"tier of the row `{without[0]}`", None, hint)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(
            "data.jsonl", str(path), "No such file: write one labeled text per line into it."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("data.jsonl", str(path), f"Save it as UTF-8 ({error.reason}).") from error


def known_tasks(root: Path) -> list[str]:
    """Names of the task folders under `root`."""
    return sorted(path.parent.name for path in root.glob("*/task.yaml"))
