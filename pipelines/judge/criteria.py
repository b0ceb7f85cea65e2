"""Criteria of the judge: a table of questions, built in and from the task."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from signalbox.contracts.record import Contract
from signalbox.errors import InputError
from signalbox.tasks import Task

BUILT_IN = Path(__file__).parent / "criteria.yaml"


class Criterion(Contract):
    """One question about an answer; "Yes" is the good end."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    question: str = Field(min_length=3, max_length=2000)
    needs_label: bool = False
    checked: bool = False


def load_criteria(task: Task) -> list[Criterion]:
    """The built-in criteria and those of `criteria.yaml` in the task's folder. Raises InputError."""
    own = task.folder / "criteria.yaml"
    criteria = [*_read(BUILT_IN), *(_read(own) if own.exists() else ())]
    names = [criterion.name for criterion in criteria]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{own}: name", repeated[0], "Another criterion has this name; choose a new one.")
    return criteria


def select_criteria(criteria: Sequence[Criterion], names: Sequence[str]) -> list[Criterion]:
    """The criteria of these names, in the table's order; all without names. Raises InputError."""
    available = [criterion.name for criterion in criteria]
    for name in names:
        if name not in available:
            raise InputError("--criterion", name, f"Choose {', '.join(available)}.")
    return [criterion for criterion in criteria if not names or criterion.name in names]


def calls(criteria: Sequence[Criterion], per_call: int, *, labeled: bool) -> list[list[Criterion]]:
    """The questions of each call. Those that show the ground truth never share a call with the others."""
    blind = [criterion for criterion in criteria if not criterion.needs_label]
    informed = [criterion for criterion in criteria if criterion.needs_label and labeled]
    return [group[i : i + per_call] for group in (blind, informed) for i in range(0, len(group), per_call)]


def digest(criteria: Sequence[Criterion]) -> str:
    """Twelve hex digits that change with any word of any question."""
    content = "\n".join(criterion.model_dump_json() for criterion in criteria)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _read(path: Path) -> list[Criterion]:
    try:
        return TypeAdapter(list[Criterion]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(str(path), "(not YAML)", f"Fix the file: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        hint = f"{first['msg']}. It is a list of criteria, each with name and question."
        raise InputError(f"{path}: {where}", first.get("input"), hint) from error
