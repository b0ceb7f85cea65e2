"""The journal of a measurement: one line for each text, so that an interrupted job continues after the last one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from pipelines.evidence.faithfulness import OrderScores
from pipelines.evidence.result import Row
from signalbox.contracts.record import LabeledText, ModelRelease
from signalbox.io import AppendLog
from signalbox.settings import Settings
from signalbox.tasks import Task
from signalbox.thresholds import ThresholdFile


class Journal:
    """Text → its row, or None for a text that is left out.

    The file's name contains a digest of what would make every row stale: release, thresholds and prompts. A row is that of
    one text and label.
    """

    def __init__(
        self, settings: Settings, task: Task, release: ModelRelease, limits: ThresholdFile | None
    ) -> None:
        digest = hashlib.sha256(f"{release.key}\n{task.model_dump_json()}\n".encode())
        digest.update(limits.model_dump_json().encode() if limits else b"")
        name = f"{task.name}-{digest.hexdigest()[:12]}.jsonl"
        self._log = AppendLog(settings.state_dir / "evidence" / name)
        self._rows = {key: _row(row) for key, row in map(json.loads, self._log.load())}

    def has(self, text: LabeledText, *, orders: bool) -> bool:
        """Whether a text is measured, with its orders if these are needed."""
        row = self._rows.get(_key(text))
        return _key(text) in self._rows and (row is None or row.orders is not None or not orders)

    def __getitem__(self, text: LabeledText) -> Row | None:
        return self._rows[_key(text)]

    def add(self, text: LabeledText, row: Row | None) -> None:
        """Append durably."""
        self._log.append(json.dumps([_key(text), dataclasses.asdict(row) if row else None]))
        self._rows[_key(text)] = row

    def clear(self) -> None:
        """Start over."""
        self._log.clear()
        self._rows = {}


def _key(text: LabeledText) -> str:
    return hashlib.sha256(text.model_dump_json().encode()).hexdigest()[:16]


def _row(content: dict[str, Any] | None) -> Row | None:
    if content is None:
        return None
    scores = {name: _scores(content[name]) for name in ("orders", "new_sets")}
    return Row(
        id=content["id"],
        language=content["language"],
        lengths=tuple(content["lengths"]),
        weights=tuple(content["weights"]),
        decisive=content["decisive"],
        is_right=content["is_right"],
        orders=scores["orders"],
        new_sets=scores["new_sets"],
    )


def _scores(content: dict[str, Any] | None) -> dict[str, OrderScores] | None:
    return None if content is None else {name: OrderScores(**values) for name, values in content.items()}
