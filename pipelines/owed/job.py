"""Read the inputs of open decisions: records, labels, summaries of the judge, campaigns and the newest comparison."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.judge.criteria import load_criteria
from pipelines.owed.decisions import Answers, Decision, Inputs, OpenCampaign, open_decisions
from pipelines.owed.sources import conclusions, open_campaigns
from pipelines.windows import PAGE_ROWS, Windows, rows_of
from signalbox.contracts.labels import Label
from signalbox.contracts.routes import ROUTES, Route
from signalbox.settings import Settings
from signalbox.store import Query, Store, store_of
from signalbox.store.backend import StoredFields
from signalbox.tasks import Task, load_task

logger = logging.getLogger(__name__)

_FIELDS = ("route", "release", "verdict", "asked")


@dataclass
class _Counts:
    answers: int = 0
    asked: int = 0
    labels: int = 0
    right: int = 0
    verdicts: Counter[Label] = field(default_factory=Counter)


_Key = tuple[Route, str, str]  # route, language, release


def owed(settings: Settings, days: int) -> list[Decision]:
    """The open decisions of the task, over the answers of the last days. Raises InputError, StoreUnavailable."""
    task = load_task(settings.task)
    now = datetime.now(UTC)
    windows = Windows(now - timedelta(days=days), now, now)
    answers, campaigns = asyncio.run(_read(settings, task, windows))
    return open_decisions(
        Inputs(
            answers,
            newest_summaries(settings.state_dir / "judgements", task.name),
            load_criteria(task),
            campaigns,
            task.certificate,
            conclusions(settings.state_dir / "reports", task),
        )
    )


async def _read(settings: Settings, task: Task, windows: Windows) -> tuple[list[Answers], list[OpenCampaign]]:
    async with store_of(settings) as store:
        return await _answers(store, task, windows), await open_campaigns(store, settings, task)


async def _answers(store: Store, task: Task, windows: Windows) -> list[Answers]:
    """Of a route with one model the newest release only: labels of another say nothing about it."""
    labels = await store.labels(task.name)
    counts: dict[_Key, _Counts] = defaultdict(_Counts)
    newest: dict[tuple[Route, str], _Key] = {}
    for language in task.languages:
        async for row in _rows(store, task.name, language, windows):
            fields = dict(zip(_FIELDS, row.values, strict=True))
            if fields["release"] is not None:
                key = _key_of(fields, language)
                newest[key[:2]] = key
                _count(counts[key], task, fields, labels.get(row.id))
    return [
        Answers(route, language, one.answers, one.asked, one.labels, one.right, dict(one.verdicts))
        for (route, language), key in sorted(newest.items())
        for one in (counts[key],)
    ]


def _key_of(fields: Mapping[str, Any], language: str) -> _Key:
    """Several models make one system, so that their releases count together."""
    route: Route = fields["route"]
    alone = len(ROUTES[route].models) == 1
    return route, language, json.dumps(fields["release"]) if alone else ""


def _rows(store: Store, task: str, language: str, windows: Windows) -> Any:  # noqa: ANN401 - an iterator of rows
    async def fetch(since: datetime, limit: int) -> list[StoredFields]:
        return await store.fields(_FIELDS, Query(task, language, "user", since, limit, newest_first=False))

    return rows_of(fetch, windows, PAGE_ROWS)


def _count(one: _Counts, task: Task, fields: Mapping[str, Any], label: Label | None) -> None:
    one.answers += 1
    if (verdict := task.current(fields["verdict"])) is not None:
        one.verdicts[verdict] += 1
    if fields["asked"]:
        one.asked += 1
        if label is not None and task.current(label) is not None:
            one.labels += 1
            one.right += task.verdict_of(label) == task.verdict_of(fields["verdict"])


def newest_summaries(folder: Path, task: str) -> dict[Route, Mapping[str, Any]]:
    """The newest summary of the judge for each route. A file that cannot be read is left out with a warning."""
    newest: dict[Route, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*/summary.json")):
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
            options, until = summary["plan"]["options"], summary["plan"]["until"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("summary of the judge left out", extra={"path": str(path), "cause": repr(error)})
            continue
        before = newest.get(options["route"])
        if options["task"] == task and (before is None or before["plan"]["until"] < until):
            newest[options["route"]] = summary
    return newest
