"""What people would run first: by the accuracy that a comparison measured, else by year of release and size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from statistics import fmean

from pydantic import BaseModel, ValidationError

from signalbox.capacity.datafile import read
from signalbox.capacity.models.catalogue_names import model_key, split_encoding
from signalbox.contracts.labels import verdict_for
from signalbox.errors import InputError

Accuracies = Mapping[str, float]


class _Answer(BaseModel):
    label: str
    verdicts: tuple[str, ...]


class _Release(BaseModel):
    name: str


class _Model(BaseModel):
    name: str
    kind: str = ""
    release: _Release | None = None
    answers: tuple[_Answer, ...]


class _Comparison(BaseModel):
    """The part of a comparison's answers.json that says how often a model was right."""

    task: str
    models: tuple[_Model, ...]


def accuracies(path: Path) -> Accuracies:
    """Balanced accuracy by the key of a model's name, of models with answers. Raises InputError for another file."""
    try:
        comparison = _Comparison.model_validate_json(path.read_bytes())
    except OSError as error:
        problem = f"cannot read `{path}` (`--quality`): {error.strerror}"
        raise InputError("--quality", str(path), "check the path", problem=problem) from error
    except ValidationError as error:
        problem = f"`{path}` (`--quality`) has no answers of a comparison"
        hint = "use the answers.json that `signalbox compare` writes"
        raise InputError("--quality", str(path), hint, problem=problem) from error
    return {
        quality_key(model.release.name if model.release else model.name): _balanced(model.answers)
        for model in comparison.models
        if model.answers and model.kind != "baseline"
    }


def quality_key(name: str) -> str:
    """A model's name without owner, case and quantization."""
    return model_key(split_encoding(name.removeprefix("hf:"))[0])


def _balanced(answers: tuple[_Answer, ...]) -> float:
    """Mean over the labels of the share of right verdicts."""
    shares: dict[str, list[float]] = {}
    for answer in answers:
        shares.setdefault(answer.label, []).append(_share_right(answer))
    return fmean(fmean(values) for values in shares.values())


def _share_right(answer: _Answer) -> float:
    """0 for a row without an answer, which a comparison counts as wrong."""
    expected = verdict_for(answer.label).lower()
    return fmean(verdict.lower() == expected for verdict in answer.verdicts) if answer.verdicts else 0.0


@cache
def _released() -> tuple[tuple[str, str], ...]:
    rows = read("generations.yaml")["released"]
    return tuple(sorted(((name, str(date)) for name, date in rows.items()), key=lambda row: -len(row[0])))


def released(model: str) -> str | None:
    """Year and month of a model's release; None where the table does not have it."""
    return next((date for name, date in _released() if model.lower().startswith(name.lower())), None)


def generation(model: str) -> int:
    """The year of release, by which models are ranked before their size; 0 where it is unknown."""
    match = re.match(r"(\d{4})", released(model) or "")
    return int(match[1]) if match else 0
