"""The records of two windows of time, thinned to the values that the drift job compares.

Pages of records are reduced as they come, so that memory holds numbers and a sample of texts, never all records.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from pipelines.classes import Classes, today
from signalbox.contracts.labels import margin
from signalbox.contracts.record import Record
from signalbox.contracts.routes import Route
from signalbox.store import Store
from signalbox.tasks import Task

ALL = "all"
PAGE_ROWS = 5_000
MOST_TEXTS = 1_000  # a side: the classifier's matrices grow with the square
TEXT_CHARACTERS = 2_000  # of each text: the rest of a long one costs minutes


@dataclass(frozen=True)
class Windows:
    """Reference is [since, border), current [border, until)."""

    since: datetime
    border: datetime
    until: datetime


@dataclass(frozen=True, order=True)
class Group:
    """Records to compare with earlier ones. `release` is ALL for the input, which does not depend on the model."""

    route: Route
    language: str
    release: str


@dataclass
class Sample:
    """One group in one window. `outputs` are what `output_of` says of each answer, where it says anything; `texts` is a
    random sample of those that were stored."""

    rows: int = 0
    outputs: list[float] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    lights: Counter[str] = field(default_factory=Counter)
    characters: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    texts_seen: int = 0

    def add(self, record: Record, classes: Classes, rng: random.Random) -> None:
        self.rows += 1
        if (output := output_of(record, classes)) is not None:
            self.outputs.append(output)
        self.verdicts[record.verdict] += 1
        self.lights[record.candidate_light.value] += 1
        self.characters.append(record.input_characters)
        if record.input_text is not None:
            self._keep(record.input_text[:TEXT_CHARACTERS], rng)

    def _keep(self, text: str, rng: random.Random) -> None:
        """Every text seen so far is as likely to be kept (reservoir sampling, Vitter 1985)."""
        self.texts_seen += 1
        if len(self.texts) < MOST_TEXTS:
            self.texts.append(text)
        elif (place := rng.randrange(self.texts_seen)) < MOST_TEXTS:
            self.texts[place] = text


def output_of(record: Record, classes: Classes) -> float | None:
    """The probability of the positive one of two labels. Of more, the margin of the two best.

    The margin is the score before calibration: with the score, each calibration would look like drift of the model.
    """
    if record.probabilities is None:
        return None
    if classes.positive is not None:
        return record.probabilities.get(classes.positive)
    return margin(record.probabilities)


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

    Verdicts have the names of today, so that a label that was renamed is no drift.

    Both windows count a text once a day (UTC) in a group. The same text within a day is mostly one act: a retry, a
    script, a page that was loaded again. Over days it is traffic. Thinning whole windows instead would make the longer
    one look richer in rare texts.
    """
    pairs: dict[Group, Pair] = {}
    classes = Classes.of(task)
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    for language in languages:
        texts: set[tuple[Group, str]] = set()
        day: date | None = None
        async for record in pages(store, task.name, language, windows, page_rows):
            if record.route not in routes:
                continue
            if record.created_at.astimezone(UTC).date() != day:
                day, texts = record.created_at.astimezone(UTC).date(), set()
            for group in _groups(record):
                if (group, record.input_sha256) not in texts:
                    texts.add((group, record.input_sha256))
                    pair = pairs.setdefault(group, Pair())
                    side = pair.reference if record.created_at < windows.border else pair.current
                    side.add(today(task, record), classes, rng)
    return pairs


def _groups(record: Record) -> list[Group]:
    """The group of the release, where a model answered, and the group of all."""
    releases = [ALL] if record.release is None else [record.release.key, ALL]
    return [Group(record.route, record.language, release) for release in releases]


async def pages(
    store: Store, task: str, language: str, windows: Windows, page_rows: int
) -> AsyncIterator[Record]:
    """Oldest first. A page begins at the time of the last row; rows of that time are skipped where they came before."""
    since, ids, limit = windows.since, set[str](), page_rows
    while True:
        page = await store.records(
            task=task, language=language, source="user", since=since, limit=limit, newest_first=False
        )
        fresh = [record for record in page if record.id not in ids]
        for record in fresh:
            if record.created_at >= windows.until:
                return
            yield record
        if len(page) < limit:
            return
        if not fresh:  # more rows of one time than a page holds
            limit *= 2
            continue
        since = page[-1].created_at
        ids = {record.id for record in page if record.created_at == since}
