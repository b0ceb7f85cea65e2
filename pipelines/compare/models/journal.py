"""The journal of a model's answers: what was answered is never queried again, in this comparison or a later one.

One file a model, release and prompt; its lines are answers and sessions. A killed comparison continues after the last
whole line. Each shard has a file of its own, and reads those of the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from pipelines.compare.rows import row_key
from pipelines.shards import WHOLE, Shard, ShardLogs
from signalbox.contracts.labels import LabelProbabilities, Probability, Verdict
from signalbox.contracts.record import Contract, LabeledText, ModelRelease
from signalbox.errors import InputError
from signalbox.tasks import Task

_NAME_CHARACTERS = 40


class Reply(Contract):
    """One answer to one row; `repeat` counts from 0."""

    kind: Literal["reply"] = "reply"
    row: str
    repeat: int = Field(ge=0)
    stated: Verdict
    probabilities: LabelProbabilities | None
    verdict_mass: Probability | None = None
    seconds: float = Field(ge=0.0)


class SessionFacts(Contract):
    """What was measured while the model answered `replies` rows. Joules are None where nothing measures them."""

    kind: Literal["session"] = "session"
    release: ModelRelease
    replies: int = Field(ge=0)
    memory_bytes: int | None = None
    joules: float | None = Field(default=None, ge=0.0)
    energy_source: str | None = None


# A row, and which of its repeats.
Question = tuple[LabeledText, int]

_LINE: TypeAdapter[Reply | SessionFacts] = TypeAdapter(
    Annotated[Reply | SessionFacts, Field(discriminator="kind")]
)


class Journal:
    """The answers of a model to rows, by row and repeat."""

    def __init__(self, folder: Path, name: str, identity: str, shard: Shard = WHOLE) -> None:
        readable = "".join(c if c.isalnum() or c in "._-" else "-" for c in name)[:_NAME_CHARACTERS]
        digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
        logs = ShardLogs(folder, f"{readable}-{digest}", shard)
        self._log = logs.own
        self.replies: dict[tuple[str, int], Reply] = {}
        self.sessions: list[SessionFacts] = []
        for other in logs.others():
            self._read(other.path, other.rows())
        self._read(self.path, self._log.load())

    @property
    def path(self) -> Path:
        return self._log.path

    @property
    def release(self) -> ModelRelease | None:
        """The release that answered; None before the first session."""
        return self.sessions[-1].release if self.sessions else None

    def pending(self, questions: Sequence[Question]) -> list[Question]:
        """Those without an answer. Two rows of the same text and language share one."""
        answered: set[tuple[str, int]] = set(self.replies)
        missing = []
        for row, repeat in questions:
            if (key := (row_key(row), repeat)) not in answered:
                answered.add(key)
                missing.append((row, repeat))
        return missing

    def add(self, *lines: Reply | SessionFacts) -> None:
        """Append durably."""
        self._log.append(*(line.model_dump_json() for line in lines))
        for line in lines:
            self._keep(line)

    def clear(self) -> None:
        """Start over."""
        self._log.clear()
        self.replies, self.sessions = {}, []

    def _read(self, path: Path, lines: Sequence[bytes]) -> None:
        for number, line in enumerate(lines, start=1):
            try:
                self._keep(_LINE.validate_json(line))
            except ValidationError as error:
                field = f"{path}:{number}"
                hint = "Delete this line, or the file to query the model again."
                raise InputError(field, line, hint, problem=f"{field} is not a line of answers.") from error

    def _keep(self, line: Reply | SessionFacts) -> None:
        if isinstance(line, Reply):
            self.replies[line.row, line.repeat] = line
        else:
            self.sessions.append(line)


def prompt_digest(task: Task) -> str:
    """Digest of all that a decoder is shown around a text, in every language."""
    parts = {
        language: [list(task.messages("\0", language)), task.answer_forms(language)]
        for language in task.languages
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
