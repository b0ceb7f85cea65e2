"""A run of the judge in the state folder: one plan, a file per shard, and a lock for the steps that all share.

judgements/RUN/plan.json             the answers to judge; the first shard writes it, all others read it
judgements/RUN/shard-I-of-N.partial  rows as they come; a killed shard continues after them
judgements/RUN/shard-I-of-N.jsonl    the finished shard, renamed into place
judgements/RUN/summary.json          the figures of all shards; `published` appears once they are out
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from pipelines.judge.client import Score
from pipelines.shards import Shard, locked
from signalbox.contracts.record import Contract, Label, Probability
from signalbox.contracts.routes import Route
from signalbox.errors import InputError
from signalbox.io import AppendLog, write_whole

DELETED = "deleted"  # between plan and judging, by retention


class Options(Contract):
    """The options that tell runs apart. `judge` is the key of its release, `criteria` the digest of the questions."""

    task: str
    route: Route
    days: int
    sample: int | None
    seed: int
    shards: int
    judge: str
    criteria: str
    per_call: int


class Selection(Contract):
    """An answer of the plan. `sampled`: drawn at random; the others are in the plan for their ground truth.

    An answer that is not `judgeable` is there for its ground truth alone: it says whether the model was right.
    """

    id: str
    label: Label | None = None
    sampled: bool = True
    judgeable: bool = True


class Population(Contract):
    """All answers of a language in the window. `asked` were asked for, `coverable` had a chance to be."""

    answers: int = 0
    judgeable: int = 0
    asked: int = 0
    coverable: int = 0


class Plan(Contract):
    """The answers of a run, and how many records of its window it leaves out, by reason."""

    options: Options
    since: datetime
    until: datetime
    chosen: tuple[Selection, ...]
    left_out: dict[str, int]
    population: dict[str, Population] = Field(default_factory=dict)


class Row(Contract):
    """One judged answer, without any text. `error` is the reason where the judge did not reply."""

    id: str
    language: str
    label: Label | None
    right: bool | None
    sampled: bool
    own_answer: bool
    asked: bool = False
    propensity: Probability | None = None
    judgeable: bool = True
    scores: dict[str, Score]
    error: str | None = None


class RunFolder:
    """The files of one run."""

    def __init__(self, state_dir: Path, name: str) -> None:
        self.name = name
        self.path = state_dir / "judgements" / name
        self.path.mkdir(parents=True, exist_ok=True)

    def locked(self) -> AbstractContextManager[None]:
        """One process at a time. Raises SetupError where the file system has no locks."""
        return locked(self.path / "lock")

    def plan(self) -> Plan | None:
        """The run's plan; None until the first shard writes it."""
        path = self.path / "plan.json"
        return Plan.model_validate_json(path.read_bytes()) if path.exists() else None

    def save_plan(self, plan: Plan) -> None:
        """Write the plan; call it under the lock."""
        write_whole(self.path / "plan.json", plan.model_dump_json(indent=1))

    def check(self, plan: Plan, options: Options) -> None:
        """InputError where the run was started with other options."""
        before, now = plan.options.model_dump(), options.model_dump()
        for field, value in now.items():
            if before[field] != value:
                problem = f"The run {self.name} was started with {field} {before[field]}, now it is {value}."
                raise InputError("--run", self.name, "Name another run.", problem=problem)

    def shard(self, shard: Shard) -> Path:
        """The file of a finished shard."""
        return self.path / f"{shard}.jsonl"

    def missing(self, count: int) -> list[int]:
        """Shards that are not finished."""
        return [index for index in range(count) if not self.shard(Shard(index, count)).exists()]

    def rows(self, count: int) -> list[Row]:
        """The rows of all shards, in the order of their ids."""
        files = [AppendLog(self.shard(Shard(index, count))) for index in range(count)]
        return sorted((row for file in files for row in _parse(file)), key=lambda row: row.id)

    def finish(self, shard: Shard, rows: Sequence[Row]) -> None:
        """Write a shard's file in one step, and delete its journal."""
        ordered = sorted(rows, key=lambda row: row.id)
        write_whole(self.shard(shard), "".join(row.model_dump_json() + "\n" for row in ordered))
        self.journal(shard).clear()

    def journal(self, shard: Shard) -> AppendLog:
        """The rows of an unfinished shard."""
        return AppendLog(self.shard(shard).with_suffix(".partial"))

    def resume(self, shard: Shard) -> dict[str, Row]:
        """The rows of an unfinished shard by id. Call it before `add`."""
        return {row.id: row for row in _parse(self.journal(shard))}

    def add(self, shard: Shard, row: Row) -> None:
        """Append a row durably."""
        self.journal(shard).append(row.model_dump_json())

    def save_summary(self, summary: Mapping[str, Any]) -> None:
        write_whole(self.path / "summary.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")

    @property
    def published(self) -> bool:
        """Whether the figures went to MLflow and Prometheus."""
        return (self.path / "published").exists()

    def mark_published(self) -> None:
        (self.path / "published").touch()


def _parse(file: AppendLog) -> list[Row]:
    return [Row.model_validate_json(line) for line in file.load()]
