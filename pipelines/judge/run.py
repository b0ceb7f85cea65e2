"""A run of the judge in the state folder: one plan, a file a shard, and who may write what follows.

judgements/RUN/plan.json             what is judged; the first shard writes it, all others read it
judgements/RUN/shard-I-of-N.partial  rows as they come; a killed shard goes on after them
judgements/RUN/shard-I-of-N.jsonl    the shard is done: renamed into place
judgements/RUN/summary.json          the figures of all shards; `published` beside it, once they are out
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.judge.client import Score
from signalbox.contracts.record import Contract, Label, Probability, Route
from signalbox.errors import InputError, SetupError
from signalbox.files import write_whole

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
DELETED = "deleted"  # between plan and judging, by retention
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"


class Options(Contract):
    """What makes two runs different. `judge` is the key of its release, `criteria` the digest of the questions."""

    task: str
    route: Route
    days: int
    sample: int | None
    seed: int
    shards: int
    judge: str
    criteria: str
    per_call: int


class Chosen(Contract):
    """An answer to judge. `sampled`: drawn at random; the others are there because they have ground truth."""

    id: str
    label: Label | None = None
    sampled: bool = True


class Plan(Contract):
    """What a run judges, and how many records of its window it leaves out, by reason."""

    options: Options
    since: datetime
    until: datetime
    chosen: tuple[Chosen, ...]
    left_out: dict[str, int]


class Row(Contract):
    """One judged answer, without any text. `error` says why no call was answered."""

    id: str
    language: str
    label: Label | None
    right: bool | None
    sampled: bool
    own_answer: bool
    propensity: Probability
    scores: dict[str, Score]
    error: str | None = None


@dataclass(frozen=True)
class Shard:
    """Which part of how many."""

    index: int
    count: int

    def holds(self, record_id: str) -> bool:
        """Whether a record is this shard's: by a hash of its id, so that every shard knows without asking."""
        return int(hashlib.sha256(f"shard:{record_id}".encode()).hexdigest(), 16) % self.count == self.index


def shard_of(index: int | None, count: int, environment: Mapping[str, str] = os.environ) -> Shard:
    """The shard of the options; Kubernetes numbers the pods of an Indexed Job. Raises InputError."""
    given: object = (
        index if index is not None else environment.get(INDEX_VARIABLE, "0" if count == 1 else None)
    )
    if given is None:
        raise InputError(
            "--shard", None, f"Give 0 to {count - 1}; only an Indexed Job sets {INDEX_VARIABLE}."
        )
    if not str(given).isdecimal() or int(str(given)) >= count:
        raise InputError("--shard", given, f"Give a number from 0 to {count - 1}: --shards is {count}.")
    return Shard(int(str(given)), count)


def run_name(
    given: str | None, shard: Shard, otherwise: str, environment: Mapping[str, str] = os.environ
) -> str:
    """The run's name: the option's, the Job's, or `otherwise` where there is a single shard. Raises InputError.

    A pod of an Indexed Job is called JOB-INDEX, so all shards of a Job, retried ones too, find the same name.
    """
    ending = f"-{environment.get(INDEX_VARIABLE, '')}"
    host = environment.get("HOSTNAME") or socket.gethostname()
    if given is None and environment.get(INDEX_VARIABLE) and host.endswith(ending):
        given = host.removesuffix(ending)
    if given is None and shard.count > 1:
        raise InputError(
            "--run", None, "Give all shards the same name; only an Indexed Job has one of its own."
        )
    name = given or otherwise
    if not _NAME.fullmatch(name):
        raise InputError(
            "--run", name, "Use letters, digits, dots, dashes; at most 100, the first no dash or dot."
        )
    return name


class RunFolder:
    """The files of one run."""

    def __init__(self, state_dir: Path, name: str) -> None:
        self.name = name
        self.path = state_dir / "judgements" / name
        self.path.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time; the system frees the lock of a process that dies."""
        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                raise SetupError(
                    f"{self.path} cannot be locked ({error.strerror}): keep SIGNALBOX_STATE_DIR on a file system with "
                    "locks, such as NFS 4."
                ) from error
            yield

    def plan(self) -> Plan | None:
        """The run's plan, None before the first shard wrote it."""
        path = self.path / "plan.json"
        return Plan.model_validate_json(path.read_bytes()) if path.exists() else None

    def save_plan(self, plan: Plan) -> None:
        """Write the plan; call it under the lock."""
        write_whole(self.path / "plan.json", plan.model_dump_json(indent=1))

    def check(self, plan: Plan, options: Options) -> None:
        """InputError when the run was begun with other options."""
        before, now = plan.options.model_dump(), options.model_dump()
        for field, value in now.items():
            if before[field] != value:
                hint = (
                    f"This run was begun with {field} {before[field]}, now it is {value}. Name another run."
                )
                raise InputError("--run", self.name, hint)

    def shard(self, shard: Shard) -> Path:
        """The file of a shard that is done."""
        return self.path / f"shard-{shard.index}-of-{shard.count}.jsonl"

    def missing(self, count: int) -> list[int]:
        """Shards that are not done."""
        return [index for index in range(count) if not self.shard(Shard(index, count)).exists()]

    def rows(self, count: int) -> list[Row]:
        """The rows of all shards, in the order of their ids."""
        found = [row for index in range(count) for row in _read(self.shard(Shard(index, count)))]
        return sorted(found, key=lambda row: row.id)

    def finish(self, shard: Shard, rows: Sequence[Row]) -> None:
        """Write a shard's file in one step, and drop what led to it."""
        ordered = sorted(rows, key=lambda row: row.id)
        write_whole(self.shard(shard), "".join(row.model_dump_json() + "\n" for row in ordered))
        self.journal(shard).unlink(missing_ok=True)

    def journal(self, shard: Shard) -> Path:
        """Rows of a shard that is at work."""
        return self.shard(shard).with_suffix(".partial")

    def begun(self, shard: Shard) -> dict[str, Row]:
        """Rows that are there already; a torn last line is dropped, also from the file."""
        path = self.journal(shard)
        if not path.exists():
            return {}
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:  # the next row must not be glued to it
            os.truncate(path, len(whole))
        return {row.id: row for row in _read(path)}

    def add(self, shard: Shard, row: Row) -> None:
        """Append a row durably."""
        with self.journal(shard).open("a", encoding="utf-8") as file:
            file.write(row.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())

    def save_summary(self, summary: Mapping[str, Any]) -> None:
        """Write the figures."""
        write_whole(self.path / "summary.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")

    @property
    def published(self) -> bool:
        """Whether the figures went to MLflow and to the textfile."""
        return (self.path / "published").exists()

    def mark_published(self) -> None:
        """Remember that."""
        (self.path / "published").touch()


def _read(path: Path) -> list[Row]:
    # Not splitlines: JSON allows U+2028 within a line.
    return [Row.model_validate_json(line) for line in path.read_bytes().split(b"\n") if line]
