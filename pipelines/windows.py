"""The records of two windows of time, reduced to the values that the drift job compares.

Only the columns that are compared are read, a page at a time; memory holds a part of them and a sample of texts.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from pipelines.classes import Classes, renamed
from pipelines.columns import Names, Spill
from pipelines.samples import Sample, alike, outcome_of, output_of
from pipelines.statistics.clustered import Keys
from signalbox.contracts.light import LightReason
from signalbox.contracts.record import Record
from signalbox.contracts.routes import ROUTES, Route
from signalbox.store import Store, compared
from signalbox.store.compared import ComparedPage, Span
from signalbox.tasks import Task
from signalbox.thresholds import UNCALIBRATED

ALL = "all"
PAGE_ROWS = 5_000
TEXT_CHARACTERS = 2_000  # of each text: the rest of a long one costs minutes
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
    page_rows: int = compared.PAGE_ROWS,
) -> dict[Group, Pair]:
    """Samples of every group that has records, of users only: an evaluation sends the same rows each time.

    Verdicts have the names of today, so that a label that was renamed is no drift. Every row counts, and keeps the key of its
    text: what is sent again is no independent row, and the tests know that.
    """
    reader = _Reader(task, routes, np.random.default_rng(seed))
    for language in languages:
        for current, window in enumerate(((windows.since, windows.border), (windows.border, windows.until))):
            async for page in store.compared(Span(task.name, language, *window), page_rows):
                reader.add(page, language, current=bool(current))
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
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
    return len({name for side in (pair.reference, pair.current) for name in side.column(column).counts()}) > 1


class _Reader:
    """Adds pages of rows to the samples of their groups, a column at a time."""

    def __init__(self, task: Task, routes: Sequence[Route], rng: np.random.Generator) -> None:
        self._task, self._routes, self._rng = task, routes, rng
        self._classes = Classes.of(task)
        # What is the same for most rows is worked out once.
        self._verdicts, self._lights, self._languages = Names(task.verdict_of), Names(), Names()
        self._outcomes = Names(lambda one: outcome_of(one[0], has_release=one[1]))
        self._renamed: dict[tuple[str, ...], bool] = {}
        self._spill = Spill()
        self.pairs: dict[Group, Pair] = {}

    def add(self, page: ComparedPage, language: str, *, current: bool) -> None:
        """Rows of one language and window."""
        values, groups = self._values_of(page), list(_groups_of(page))
        for route in dict.fromkeys(route for route, *_ in groups):
            if route in self._routes:
                own = [rows for one, *_, rows in groups if one == route]
                rows = own[0] if len(own) == 1 else np.sort(np.concatenate(own))
                self._add_requests(values.at(rows), (route, language), current=current)
        for route, release, thresholds, rows in groups:
            if route in self._routes and release is not None:
                sample = self._sample(Group(route, language, release), current=current)
                self._add_answers(sample, values.at(rows), thresholds, route)

    def _values_of(self, page: ComparedPage) -> _Values:
        rows = len(page.id)
        known = [release is not None for release in page.release_key]
        return _Values(
            ids=np.array(page.id, dtype=object),
            keys=np.array(page.input_key, dtype=np.int64).view(np.uint64),
            characters=np.array(page.input_characters, dtype=np.float64),
            outcomes=self._outcomes.codes(zip(page.light_reason, known, strict=True), rows),
            outputs=self._outputs(page),
            verdicts=self._verdicts.codes(page.verdict, rows),
            lights=self._lights.codes(page.candidate_light, rows),
        )

    def _add_requests(self, values: _Values, group: tuple[Route, str], *, current: bool) -> None:
        """What does not depend on the model."""
        route, language = group
        everything = self._sample(Group(route, language, ALL), current=current)
        everything.draw(values.ids, values.keys, self._rng)
        everything.add("input_characters", values.characters, values.keys)
        everything.add("outcome", values.outcomes, values.keys, self._outcomes)
        languages = self._sample(Group(route, ALL, ALL), current=current)
        languages.rows += len(values.keys)
        languages.add(
            "language",
            self._languages.codes([language] * len(values.keys), len(values.keys)),
            values.keys,
            self._languages,
        )

    def _add_answers(self, sample: Sample, values: _Values, thresholds: str, route: Route) -> None:
        sample.rows += len(values.keys)
        has_output = ~np.isnan(values.outputs)
        if has_output.any():
            # In a cascade the thresholds of the first model select the texts of both.
            selects = len(ROUTES[route].models) > 1
            outputs, keys = values.outputs[has_output], values.keys[has_output]
            sample.add("output", outputs, keys, None, thresholds if selects else "")
        sample.add("verdict", values.verdicts, values.keys, self._verdicts, thresholds)
        sample.add("candidate_light", values.lights, values.keys, self._lights, thresholds)

    def _outputs(self, page: ComparedPage) -> NDArray[np.float64]:
        """Not a number where there is no output."""
        positive = self._classes.positive
        alike = None if positive is None else compared.values_of_label(page, positive)
        if alike is not None and not self._has_earlier_names(alike[0]):
            return np.array(alike[1], np.float64)
        parsed = json.loads(page.probabilities)
        names = {tuple(one) for one in parsed if one is not None}
        if positive is not None and not any(map(self._has_earlier_names, names)):
            outputs = [np.nan if one is None else one.get(positive, np.nan) for one in parsed]
        else:
            outputs = [np.nan if (output := self._output(one)) is None else output for one in parsed]
        return np.array(outputs, np.float64)

    def _output(self, probabilities: Mapping[str, float] | None) -> float | None:
        if probabilities is not None and self._has_earlier_names(tuple(probabilities)):
            probabilities = renamed(self._task, probabilities)
        return output_of(probabilities, self._classes)

    def _has_earlier_names(self, labels: tuple[str, ...]) -> bool:
        if labels not in self._renamed:
            self._renamed[labels] = any(self._task.current(label) not in (None, label) for label in labels)
        return self._renamed[labels]

    def _sample(self, group: Group, *, current: bool) -> Sample:
        pair = self.pairs.get(group)
        if pair is None:
            pair = self.pairs[group] = Pair(Sample(spill=self._spill), Sample(spill=self._spill))
        return pair.current if current else pair.reference


@dataclass(frozen=True)
class _Values:
    """A page's columns as arrays of equal length: labels as codes, outputs not a number where there is none."""

    ids: NDArray[Any]
    keys: Keys
    characters: NDArray[np.float64]
    outcomes: NDArray[np.uint16]
    outputs: NDArray[np.float64]
    verdicts: NDArray[np.uint16]
    lights: NDArray[np.uint16]

    def at(self, rows: NDArray[np.int64]) -> _Values:
        """Some of the rows."""
        return _Values(*(getattr(self, one.name)[rows] for one in fields(self)))


def _groups_of(page: ComparedPage) -> Iterator[tuple[Route, str | None, str, NDArray[np.int64]]]:
    """Route, release, thresholds, and the rows that have them; most pages have one group."""
    thresholds = list(map(_thresholds_of, page.thresholds_digest, page.light_reason))
    sources = page.route, page.release_key, thresholds
    if all(len(set(column)) == 1 for column in sources):
        yield cast("Route", page.route[0]), page.release_key[0], thresholds[0], np.arange(len(page.id))
        return
    rows: dict[tuple[str, str | None, str], list[int]] = defaultdict(list)
    for row, key in enumerate(zip(*sources, strict=True)):
        rows[key].append(row)
    for (route, release, digest), own in rows.items():
        yield cast("Route", route), release, digest, np.array(own)


def _thresholds_of(digest: str | None, reason: str) -> str:
    if digest:
        return digest
    return UNCALIBRATED if reason == LightReason.UNCALIBRATED else _EARLIER


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
