"""The journal of an evaluation: which row was answered by which prediction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from signalbox import thresholds
from signalbox.contracts.record import LabeledText, ModelRelease
from signalbox.contracts.routes import ROUTES, Route
from signalbox.io import AppendLog
from signalbox.settings import Settings
from signalbox.tasks import Task


class Journal:
    """Row id → prediction id, one line each; a killed evaluation continues after the last line.

    The file's name contains a digest of all that would make it stale: releases, thresholds and rows.
    """

    def __init__(
        self,
        settings: Settings,
        task: Task,
        route: Route,
        releases: Sequence[ModelRelease],
        rows: Sequence[LabeledText],
    ) -> None:
        name = f"{task.name}-{route}-{_digest(settings, task, releases, rows)}.jsonl"
        self._log = AppendLog(settings.state_dir / "evaluations" / name)
        self._marker = self._log.path.with_suffix(".logged")
        self.done: dict[str, str] = dict(json.loads(line) for line in self._log.load())

    @property
    def path(self) -> Path:
        """The file."""
        return self._log.path

    @property
    def published(self) -> bool:
        """Whether the figures of this evaluation went to MLflow and Prometheus."""
        return self._marker.exists()

    def mark_published(self) -> None:
        self._marker.touch()

    def clear(self) -> None:
        """Start over, without the earlier answers."""
        self._log.clear()
        self._marker.unlink(missing_ok=True)
        self.done = {}

    def add(self, row_id: str, prediction_id: str) -> None:
        """Append durably."""
        self._log.append(json.dumps([row_id, prediction_id]))
        self.done[row_id] = prediction_id


def _digest(
    settings: Settings, task: Task, releases: Sequence[ModelRelease], rows: Sequence[LabeledText]
) -> str:
    digest = hashlib.sha256()
    folder = settings.thresholds_dir
    paths = [thresholds.path_for(folder, task.name, release) for release in releases]
    paths += [
        thresholds.path_for(folder, task.name, releases[-1], route=route, earlier=releases[:-1])
        for route, spec in ROUTES.items()
        if len(spec.models) == len(releases) > 1
    ]
    digest.update("|".join(release.key for release in releases).encode())
    for path in paths:
        digest.update(path.read_bytes() if path.exists() else b"")
    for row in rows:
        digest.update(row.model_dump_json().encode())
    return digest.hexdigest()[:12]
