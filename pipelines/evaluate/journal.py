"""The journal of an evaluation: which row was answered by which prediction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from pipelines.shards import WHOLE, Shard, ShardLogs, locked
from signalbox import thresholds
from signalbox.certificate.keys import prompt_digest
from signalbox.contracts.record import LabeledText, ModelRelease
from signalbox.contracts.routes import ROUTES, Route
from signalbox.settings import Settings
from signalbox.tasks import Task

_DROPPED = "dropped"


class Journal:
    """Row id → prediction id, one line each; a killed evaluation continues after the last line.

    The file's name contains a digest of all that would make it stale: releases, prompts, thresholds and rows. Each shard has a
    file of its own, and reads those of the others. An answer that counts no longer has a second line, with `dropped`: no file
    is written anew while another shard adds to it.
    """

    def __init__(
        self,
        settings: Settings,
        task: Task,
        route: Route,
        releases: Sequence[ModelRelease],
        rows: Sequence[LabeledText],
        shard: Shard = WHOLE,
    ) -> None:
        self._folder = settings.state_dir / "evaluations"
        self._name = f"{task.name}-{route}-{_digest(settings, task, route, releases, rows)}"
        self._logs = ShardLogs(self._folder, self._name, shard)
        self._log = self._logs.own
        self._marker = self._folder / f"{self._name}.logged"
        self._log.load()  # cuts off a torn last line
        self.done: dict[str, str] = {}
        self.reload()

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

    def unmark(self) -> None:
        """Publish again: an answer is missing."""
        self._marker.unlink(missing_ok=True)

    def locked(self) -> AbstractContextManager[None]:
        """One shard at a time. Raises SetupError where the file system has no locks."""
        return locked(self._folder / f"{self._name}.lock")

    def reload(self) -> None:
        """Read what all shards have answered up to now."""
        lines = [json.loads(line) for log in (*self._logs.others(), self._log) for line in log.rows()]
        dropped = {prediction_id for _, prediction_id, *mark in lines if mark}
        self.done = {row_id: name for row_id, name, *_ in lines if name not in dropped}

    def clear(self) -> None:
        """Start over, without the earlier answers of any shard."""
        for log in (self._log, *self._logs.others()):
            log.clear()
        self.unmark()
        self.done = {}

    def add(self, row_id: str, prediction_id: str) -> None:
        """Append durably."""
        self._log.append(json.dumps([row_id, prediction_id]))
        self.done[row_id] = prediction_id

    def drop(self, row_ids: Sequence[str]) -> None:
        """The answers to these rows do not count any more. Durably, for all shards."""
        if row_ids:
            self._log.append(*(json.dumps([name, self.done.pop(name), _DROPPED]) for name in row_ids))


def _digest(
    settings: Settings,
    task: Task,
    route: Route,
    releases: Sequence[ModelRelease],
    rows: Sequence[LabeledText],
) -> str:
    digest = hashlib.sha256()
    folder = settings.thresholds_dir
    paths = [thresholds.path_for(folder, task.name, release) for release in releases]
    paths += [
        thresholds.path_for(folder, task.name, releases[-1], route=other, earlier=releases[:-1])
        for other, spec in ROUTES.items()
        if len(spec.models) == len(releases) > 1
    ]
    digest.update("|".join(release.key for release in releases).encode())
    for language in task.languages:
        digest.update((prompt_digest(task, language, route) or "").encode())
    for path in paths:
        digest.update(path.read_bytes() if path.exists() else b"")
    for row in rows:
        digest.update(row.model_dump_json().encode())
    return digest.hexdigest()[:12]
