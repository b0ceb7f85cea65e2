"""The records of two windows of time, reduced to the values that the drift job compares.

Only the fields that are compared are read, a page at a time, so that memory holds numbers and a sample of texts, never all
records.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from pipelines.classes import Classes, renamed
from pipelines.samples import Sample, alike, outcome_of, output_of, text_key
from signalbox.contracts.labels import yes_no
from signalbox.contracts.light import LightReason
from signalbox.contracts.record import ModelRelease, Record
from signalbox.contracts.routes import ROUTES, Route
from signalbox.store import Query, Store
from signalbox.store.backend import StoredFields
from signalbox.tasks import Task
from signalbox.thresholds import UNCALIBRATED

ALL = "all"
PAGE_ROWS = 5_000
TEXT_CHARACTERS = 2_000  # of each text: the rest of a long one costs minutes
_FIELDS = (
    "schema_version",
    "route",
    "release",
    "input_sha256",
    "input_characters",
    "verdict",
    "p_yes",
    "probabilities",
    "candidate_light",
    "light_reason",
    "thresholds_digest",
)
_EARLIER = "earlier"  # thresholds of a record of a version that did not name them


@dataclass(frozen=True)
class Windows:
    """Reference is [since, border), current [border, until)."""

    since: datetime
    border: datetime
    until: datetime


@dataclass(frozen=True, order=True)
class Group:
    """Records to compare with earlier ones.

    `release` is ALL for the input and the outcome, which do not depend on the model; with `language` ALL, too, for the mix
    of languages.
    """

    route: Route
    language: str
    release: str


@dataclass
class Pair:
    """Both windows of a group."""

    reference: Sample = field(default_factory=Sample)
    current: Sample = field(default_factory=Sample)


async def read(
    store: Store,
    task: Task,
    languages: Sequence[str],
    routes: Sequence[Route],
    windows: Windows,
    *,
    seed: int = 0,
    page_rows: int = PAGE_ROWS,
) -> dict[Group, Pair]:
    """Samples of every group that has records, of users only: an evaluation sends the same rows each time.

    Verdicts have the names of today, so that a label that was renamed is no drift. Every row counts, and keeps the key of its
    text: what is sent again is no independent row, and the tests know that.
    """
    reader = _Reader(task, windows, random.Random(seed))  # noqa: S311 - a sample, not a secret
    for language in languages:
        async for row in rows_of(_fields_of(store, task.name, language), windows, page_rows):
            fields = dict(zip(_FIELDS, row.values, strict=True))
            if fields["route"] in routes:
                reader.add(row, fields, language)
    rng = random.Random(seed)  # noqa: S311
    for group, pair in reader.pairs.items():
        if group.release == ALL != group.language:
            await _read_texts(store, pair, rng)
    # A mix of a single language cannot change.
    return {
        group: pair
        for group, pair in reader.pairs.items()
        if group.language != ALL or _is_mix(pair, "language")
    }


def _is_mix(pair: Pair, column: str) -> bool:
    sides = pair.reference, pair.current
    return len({value for side in sides for value in side.column(column).values}) > 1


def _fields_of(store: Store, task: str, language: str) -> Fetch[StoredFields]:
    async def fetch(since: datetime, limit: int) -> list[StoredFields]:
        return await store.fields(_FIELDS, Query(task, language, "user", since, limit, newest_first=False))

    return fetch


class _Reader:
    """Adds rows to the samples of their groups."""

    def __init__(self, task: Task, windows: Windows, rng: random.Random) -> None:
        self._task, self._windows, self._rng = task, windows, rng
        self._classes = Classes.of(task)
        # What is the same for most rows is worked out once.
        self._verdicts: dict[str, str] = {}
        self._labels: dict[str, bool] = {}
        self._releases: dict[tuple[str, ...], str] = {}
        self.pairs: dict[Group, Pair] = {}

    def add(self, row: StoredFields, fields: Mapping[str, Any], language: str) -> None:
        route, text = fields["route"], text_key(fields["input_sha256"])
        has_release = fields["release"] is not None
        everything = self._sample(row, Group(route, language, ALL))
        everything.draw(row.id, text, self._rng)
        everything.add("input_characters", fields["input_characters"], text)
        everything.add("outcome", outcome_of(fields["light_reason"], has_release=has_release), text)
        languages = self._sample(row, Group(route, ALL, ALL))
        languages.rows += 1
        languages.add("language", language, text)
        if has_release:
            release = self._release_of(fields["release"])
            self._add_answer(self._sample(row, Group(route, language, release)), fields, text)

    def _add_answer(self, sample: Sample, fields: Mapping[str, Any], text: int) -> None:
        thresholds = _thresholds_of(fields)
        sample.rows += 1
        probabilities = fields["probabilities"]
        if fields["schema_version"] == 1:
            probabilities = yes_no(fields["p_yes"])
        if probabilities is not None and any(self._is_renamed(label) for label in probabilities):
            probabilities = renamed(self._task, probabilities)
        output = output_of(probabilities, self._classes)
        if output is not None:
            # In a cascade the thresholds of the first model select the texts of both.
            selects = len(ROUTES[fields["route"]].models) > 1
            sample.add("output", output, text, thresholds if selects else "")
        sample.add("verdict", self._verdict_of(fields["verdict"]), text, thresholds)
        sample.add("candidate_light", fields["candidate_light"], text, thresholds)

    def _release_of(self, release: Mapping[str, str]) -> str:
        values = tuple(release.values())
        if values not in self._releases:
            self._releases[values] = ModelRelease.model_validate(release).key
        return self._releases[values]

    def _verdict_of(self, verdict: str) -> str:
        if verdict not in self._verdicts:
            self._verdicts[verdict] = self._task.verdict_of(verdict)
        return self._verdicts[verdict]

    def _is_renamed(self, label: str) -> bool:
        if label not in self._labels:
            self._labels[label] = self._task.current(label) not in (None, label)
        return self._labels[label]

    def _sample(self, row: StoredFields, group: Group) -> Sample:
        pair = self.pairs.get(group)
        if pair is None:
            pair = self.pairs[group] = Pair()
        return pair.reference if row.created_at < self._windows.border else pair.current


def _thresholds_of(fields: Mapping[str, Any]) -> str:
    if digest := fields["thresholds_digest"]:
        return str(digest)
    return UNCALIBRATED if fields["light_reason"] == LightReason.UNCALIBRATED else _EARLIER


async def _read_texts(store: Store, pair: Pair, rng: random.Random) -> None:
    """Texts of rows that can be compared, of those that were stored."""
    for sample, names in zip(
        (pair.reference, pair.current), alike(pair.reference, pair.current, rng), strict=True
    ):
        texts = await store.texts(names)
        sample.texts = [texts[name][:TEXT_CHARACTERS] for name in names if name in texts]
        sample.drawn.clear()


class _Row(Protocol):
    """What a page needs of a row."""

    @property
    def id(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...


RowType = TypeVar("RowType", bound=_Row)
Fetch = Callable[[datetime, int], Awaitable[Sequence[RowType]]]


async def rows_of(fetch: Fetch[RowType], windows: Windows, page_rows: int) -> AsyncIterator[RowType]:
    """Rows of [since, until), oldest first; `fetch` gives so many rows from a time on.

    A page begins at the time of the last row; rows of that time are skipped where they came before.
    """
    since, ids, limit = windows.since, set[str](), page_rows
    while True:
        page = await fetch(since, limit)
        fresh = [row for row in page if row.id not in ids]
        for row in fresh:
            if row.created_at >= windows.until:
                return
            yield row
        if len(page) < limit:
            return
        if not fresh:  # more rows of one time than a page holds
            limit *= 2
            continue
        since = page[-1].created_at
        ids = {row.id for row in page if row.created_at == since}


def pages(store: Store, task: str, language: str, windows: Windows, page_rows: int) -> AsyncIterator[Record]:
    """Whole records of users in the windows, oldest first."""

    async def fetch(since: datetime, limit: int) -> list[Record]:
        return await store.records(
            task=task, language=language, source="user", since=since, limit=limit, newest_first=False
        )

    return rows_of(fetch, windows, page_rows)
