"""The records of two windows of time, reduced to the values that the drift job compares.

Only the columns that are compared are read, a page at a time; memory holds a part of them and a sample of texts.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipelines.columns import Names, Spill
from pipelines.kinds import ROW, Kinds, Places
from pipelines.samples import Reservoir, Sample, Values, alike
from pipelines.statistics.clustered import Keys
from signalbox.contracts.record import Record
from signalbox.contracts.routes import ROUTES, Route
from signalbox.store import Store, compared
from signalbox.store.compared import ComparedPage, Span
from signalbox.tasks import Task

ALL = "all"
PAGE_ROWS = 5_000
TEXT_CHARACTERS = 2_000  # of each text: the rest of a long one costs minutes


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
    reader = _Reader(store, task, languages, routes, np.random.default_rng(seed))
    for language in languages:
        for current, window in enumerate(((windows.since, windows.border), (windows.border, windows.until))):
            span = Span(task.name, language, *window)
            async for page in store.compared.pages(span, page_rows):
                await reader.add(page, span, current=bool(current))
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    for group, pair in reader.pairs.items():
        if group.release == ALL != group.language:
            await _read_texts(store, Span(task.name, group.language, windows.since, windows.until), pair, rng)
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

    def __init__(
        self,
        store: Store,
        task: Task,
        languages: Sequence[str],
        routes: Sequence[Route],
        rng: np.random.Generator,
    ) -> None:
        self._store, self._routes, self._rng = store, routes, rng
        self._kinds, self._languages, self._several = Kinds(task), Names(), len(languages) > 1
        self._spill = Spill()
        self.pairs: dict[Group, Pair] = {}

    async def add(self, page: ComparedPage, span: Span, *, current: bool) -> None:
        """Rows of one language and window."""
        values = await self._values_of(page, span)
        for route in self._routes:
            own = values.where(self._kinds.route_of[values.places] == route)
            if len(own.rows):
                self._add_requests(own, (route, span.language), current=current)
        answers = self._kinds.answers_of[values.places]
        for number in np.flatnonzero(np.bincount(answers)).tolist():
            route, release, thresholds = self._kinds.answers[number]
            if route in self._routes and release is not None:
                sample = self._sample(Group(route, span.language, release), current=current)
                self._add_answers(sample, values.where(answers == number), thresholds, route)

    async def _values_of(self, page: ComparedPage, span: Span) -> _Values:
        rows = np.frombuffer(page.rows, ROW)
        self._kinds.add(page.kinds)
        places, has_kind = self._kinds.places(rows)
        if not has_kind.all():
            await self._read_kinds(rows[~has_kind], span)
            places, has_kind = self._kinds.places(rows)
            rows, places = (
                rows[has_kind],
                places[has_kind],
            )  # of the others, all records were deleted meanwhile
        outputs, incomplete = self._kinds.outputs(rows, places)
        if len(incomplete):
            names = [rows[place].tobytes() for place in incomplete]
            stored = await self._store.compared.stored(span, names)
            outputs[incomplete] = [
                self._kinds.output(stored[name].probabilities if name in stored else None) for name in names
            ]
        return _Values(rows, places, rows["text"].astype(np.uint64), outputs)

    async def _read_kinds(self, rows: NDArray[np.void], span: Span) -> None:
        """From the newest record of each, which is deleted last."""
        newest = dict(zip(rows["kind"].tolist(), range(len(rows)), strict=True))
        stored = await self._store.compared.stored(span, [rows[place].tobytes() for place in newest.values()])
        self._kinds.add({compared.kind_key(one.kind): one.kind for one in stored.values()})

    def _add_requests(self, values: _Values, group: tuple[Route, str], *, current: bool) -> None:
        """What does not depend on the model."""
        route, language = group
        kinds, keys = self._kinds, values.keys
        everything = self._sample(Group(route, language, ALL), current=current)
        everything.draw(values.rows, self._rng)
        characters = Values(values.rows["characters"].astype(np.uint32))
        outcomes = Values(kinds.outcome_of[values.places], kinds.outcomes)
        everything.add({"input_characters": characters, "outcome": outcomes}, keys)
        if self._several:
            languages = self._sample(Group(route, ALL, ALL), current=current)
            languages.rows += len(keys)
            codes = np.full(len(keys), self._languages[language], np.uint16)
            languages.add({"language": Values(codes, self._languages)}, keys)

    def _add_answers(self, sample: Sample, values: _Values, thresholds: str, route: Route) -> None:
        kinds = self._kinds
        sample.rows += len(values.rows)
        with_output = values.where(~np.isnan(values.outputs))
        if len(with_output.rows):
            # In a cascade the thresholds of the first model select the texts of both.
            selects = len(ROUTES[route].models) > 1
            outputs = {"output": Values(with_output.outputs)}
            sample.add(outputs, with_output.keys, thresholds if selects else "")
        verdicts = Values(kinds.verdict_of[values.places], kinds.verdicts)
        lights = Values(kinds.light_of[values.places], kinds.lights)
        sample.add({"verdict": verdicts, "candidate_light": lights}, values.keys, thresholds)

    def _sample(self, group: Group, *, current: bool) -> Sample:
        pair = self.pairs.get(group)
        if pair is None:
            pair = self.pairs[group] = Pair(Sample(spill=self._spill), Sample(spill=self._spill))
        return pair.current if current else pair.reference


@dataclass(frozen=True)
class _Values:
    """Rows of a page, the places of their kinds, the keys of their texts, and the outputs, not a number where there is none."""

    rows: NDArray[np.void]
    places: Places
    keys: Keys
    outputs: NDArray[np.float64]

    def where(self, inside: NDArray[np.bool_]) -> _Values:
        """Some of the rows, which most often are all."""
        if inside.all():
            return self
        return _Values(self.rows[inside], self.places[inside], self.keys[inside], self.outputs[inside])


async def _read_texts(store: Store, span: Span, pair: Pair, rng: random.Random) -> None:
    """Texts of rows that can be compared, of those that were stored."""
    for sample, rows in zip(
        (pair.reference, pair.current), alike(pair.reference, pair.current, rng), strict=True
    ):
        stored = await store.compared.stored(span, rows)
        texts = [stored[row].input_text for row in rows if row in stored]
        sample.texts = [text[:TEXT_CHARACTERS] for text in texts if text is not None]
        sample.drawn = Reservoir()


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
