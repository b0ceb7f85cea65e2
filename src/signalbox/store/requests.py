"""The store of requests for ground truth: campaigns, requests, who has which, and what was entered. Append-only.

`states` is what the certificate reads: each request of a campaign with its entries, in the order asked.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from signalbox.contracts.labels import Label
from signalbox.contracts.record import LabeledText, Record
from signalbox.contracts.requests import (
    Assignment,
    LabelRequest,
    Review,
    ReviewAction,
    ReviewEntry,
    ReviewState,
    Sampling,
)
from signalbox.errors import InputError, NotFoundError
from signalbox.store import request_sql as sql
from signalbox.store.portable import Statement
from signalbox.store.rows import parse_row

LEASE_SECONDS = 1800.0
UNDO_SECONDS = 600.0

_MOST_TRIES = 20

Row = tuple[object, ...]


class Database(Protocol):
    """What this store needs of a database."""

    async def fetch(self, sql: str, values: Sequence[object]) -> list[Row]:
        """Rows of a statement."""
        ...

    async def change(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """Statements in one transaction."""
        ...


class RequestStore:
    """Raises StoreUnavailable when the database cannot be reached: a request is never held back in a spool."""

    def __init__(self, database: Database, connect: Callable[[], Awaitable[None]]) -> None:
        self._database, self._connect = database, connect

    async def add_campaign(self, sampling: Sampling) -> bool:
        """Store a campaign. False if it exists; it is never changed."""
        campaign = sampling.campaign
        key = campaign.key
        values = (campaign.id, key.task, key.language, key.verdict, key.route, sampling.model_dump_json())
        [rows] = await self._change((sql.ADD_CAMPAIGN, values))
        return bool(rows)

    async def campaigns(self, task: str) -> list[Sampling]:
        """All campaigns of a task, oldest first."""
        rows = await self._fetch(sql.CAMPAIGNS, task)
        return [Sampling.model_validate_json(str(body)) for _, body in rows]

    async def open_campaigns(self, task: str, language: str = "") -> list[Sampling]:
        """The newest campaign of each language, verdict and route; an older one hands out nothing more."""
        newest: dict[tuple[str, str | None, str], Sampling] = {}
        for sampling in sorted(await self.campaigns(task), key=lambda one: one.campaign.planned_at):
            key = sampling.campaign.key
            newest[key.language, key.verdict, key.route] = sampling
        return [one for (code, _, _), one in newest.items() if language in ("", code)]

    async def add_requests(self, requests: Iterable[LabelRequest]) -> list[str]:
        """Store requests; the ids of those whose text was never requested before."""
        statements = [(sql.ADD_REQUEST, _request_values(request)) for request in requests]
        if not statements:
            return []
        return [str(row[0]) for rows in await self._change(*statements) for row in rows]

    async def held(self, task: str, reviewer: str, language: str = "") -> tuple[Assignment, Record] | None:
        """The request that a reviewer has now, with its record."""
        return next(iter(await self.all_held(task, reviewer, language, most=1)), None)

    async def all_held(
        self, task: str, reviewer: str, language: str = "", *, most: int
    ) -> list[tuple[Assignment, Record]]:
        """At most `most` requests that a reviewer has now, the newest first."""
        rows = await self._fetch(sql.HELD, reviewer, task, language, language, most)
        return [(_assignment(row[:4]), parse_row(Record, str(row[4]))) for row in rows]

    async def take_next(
        self, task: str, reviewer: str, language: str = "", *, lease_seconds: float = LEASE_SECONDS
    ) -> tuple[Assignment, Record] | None:
        """The request that a reviewer has, else the next one, else None."""
        held = await self.held(task, reviewer, language)
        return held or await self.take_another(task, reviewer, language, lease_seconds=lease_seconds)

    async def take_another(
        self,
        task: str,
        reviewer: str,
        language: str = "",
        *,
        slots: int = 2,
        lease_seconds: float = LEASE_SECONDS,
    ) -> tuple[Assignment, Record] | None:
        """The next request of the open campaigns, whatever the reviewer has. `slots` 1: no second reviews.

        Nobody else gets it until the lease ends. Two processes that take the same one at once: the primary key of the
        assignment lets one of them have it, and the other one tries again.
        """
        campaigns = [one.campaign.id for one in await self.open_campaigns(task, language)]
        for _ in range(_MOST_TRIES):
            row = await self._first_open(campaigns, reviewer, slots)
            if row is None:
                return None
            place = (row[0], row[1], int(str(row[2])) + 1, reviewer)
            [rows] = await self._change((sql.ASSIGN_AGAIN, (*place, lease_seconds)))
            if rows:
                return await self._with_record(_assignment(rows[0]))
        return None

    async def _first_open(self, campaigns: Sequence[str], reviewer: str, slots: int) -> Row | None:
        """The first row (request, slot, attempts, skips, rank) that nobody has seen yet, else that comes again."""
        rows: list[Row] = []
        for name in campaigns:
            for slot in range(1, slots + 1):
                rows += await self._fetch(sql.FRESH[slot], name, reviewer)
        if not rows:
            for name in campaigns:
                rows += await self._fetch(sql.AGAIN, name, slots, reviewer)
        return min(rows, key=_rank_of, default=None)

    async def add_review(self, review: Review) -> bool:
        """Store an entry. False if the same one is there already: a delivery that comes twice counts once.

        Raises NotFoundError if the reviewer does not have the request (any more), and InputError if another entry is there.
        """
        entry = (review.id, review.action.value, review.label)
        place = (review.request_id, review.slot, review.attempt, review.reviewer)
        [rows] = await self._change((sql.ADD_REVIEW, (*entry, *place)))
        if rows:
            return True
        before = await self._fetch(sql.ENTRY, *place)
        if not before:
            raise _not_held(review.request_id)
        if before[0] != (review.action.value, review.label):
            hint = "Undo the entry first, then enter the right one."
            problem = f"request_id: {review.request_id} has another entry."
            raise InputError("request_id", review.request_id, hint, problem=problem)
        return False

    async def undo(
        self,
        task: str,
        reviewer: str,
        *,
        undo_seconds: float = UNDO_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> tuple[Assignment, Record] | None:
        """Take back the newest entry of a reviewer in a task by a row of its own, and hand the request out again.

        None if there is none, if it is older than `undo_seconds`, or if another person has the request meanwhile.
        """
        rows = await self._fetch(sql.UNDOABLE, reviewer, task, undo_seconds)
        if not rows:
            return None
        request_id, slot, attempt, _ = rows[0]
        place = (request_id, slot, attempt, reviewer)
        again = (request_id, slot, int(str(attempt)) + 1, reviewer, lease_seconds)
        _, assigned = await self._change((sql.UNDO, (str(uuid.uuid4()), *place)), (sql.ASSIGN_AGAIN, again))
        return await self._with_record(_assignment(assigned[0])) if assigned else None

    async def enter(self, entries: Sequence[tuple[str, ReviewAction, Label | None]], reviewer: str) -> None:
        """Store entries that a reviewer made elsewhere, for (request, action, label) that exist, all or none."""
        statements: list[Statement] = []
        for request_id, action, label in entries:
            entry = (str(uuid.uuid4()), reviewer, action.value, label, request_id)
            statements += [(sql.ENTER_ASSIGNMENT, (reviewer, request_id)), (sql.ENTER_REVIEW, entry)]
        if statements:
            await self._change(*statements)

    async def count(self, campaign_id: str) -> int:
        """The number of requests of a campaign."""
        return int(str((await self._fetch(sql.COUNT, campaign_id))[0][0]))

    async def states(self, campaign_id: str, *, asked_only: bool = False) -> list[ReviewState]:
        """Each request of a campaign and slot, in the order asked; those that nobody has seen come last, or not at all."""
        asked = {(row[0], row[1]): row[2] for row in await self._fetch(sql.ASKED, campaign_id)}
        entries = defaultdict(list)
        for request_id, slot, action, label, reviewer, at in await self._fetch(sql.REVIEWS, campaign_id):
            entry = ReviewEntry.model_validate(
                {"action": action, "label": label, "reviewer": reviewer, "created_at": time_of(at)}
            )
            entries[request_id, slot].append(entry)
        states = []
        statement = sql.ASKED_REQUESTS if asked_only else sql.REQUESTS
        for request in map(_request, await self._fetch(statement, campaign_id)):
            for slot in (1, 2) if request.second else (1,):
                at = asked.get((request.id, slot))
                asked_at = None if at is None else time_of(at)
                own = tuple(entries[request.id, slot])
                states.append(ReviewState(request=request, slot=slot, asked_at=asked_at, entries=own))
        never = datetime.max.replace(tzinfo=UTC)
        return sorted(states, key=lambda state: (state.asked_at or never, state.request.rank, state.slot))

    async def excluded_hashes(self, task: str) -> set[str]:
        """Hashes of texts that have a label or were requested before: a release may have been trained on them."""
        labeled = await self._fetch(sql.LABELED_HASHES, task)
        return {str(row[0]) for row in (*labeled, *await self._fetch(sql.REQUESTED_HASHES, task))}

    async def requested_before(self, task: str, moment: datetime) -> set[str]:
        """Hashes of texts that were requested before a time, whatever asked for them."""
        return {str(row[0]) for row in await self._fetch(sql.REQUESTED_BEFORE, task, moment.timestamp())}

    async def labeled_texts(self, task: str) -> list[tuple[float, LabeledText]]:
        """Texts with the newest label of their first review, for training; each with its time in seconds since 1970."""
        texts = []
        for body, label, at in await self._fetch(sql.NEWEST_LABELS, task):
            record = parse_row(Record, str(body))
            if record.input_text is None:
                continue
            text = LabeledText(
                id=record.id,
                text=record.input_text,
                context=record.context,
                label=str(label),
                language=record.language,
                family=record.id,
                split="feedback",
            )
            texts.append((float(str(at)), text))
        return texts

    async def record_of(self, request_id: str) -> Record | None:
        """The record of a request, None if it was deleted."""
        rows = await self._fetch(sql.BODY_OF_REQUEST, request_id)
        return parse_row(Record, str(rows[0][0])) if rows else None

    async def now(self) -> datetime:
        """The time of the database, by which all rows are dated."""
        return time_of((await self._fetch(sql.SECONDS_NOW))[0][0])

    async def _with_record(self, assignment: Assignment) -> tuple[Assignment, Record]:
        rows = await self._fetch(sql.BODY_OF_REQUEST, assignment.request_id)
        if not rows:
            raise _not_held(assignment.request_id)
        return assignment, parse_row(Record, str(rows[0][0]))

    async def _fetch(self, statement: str, *values: object) -> list[Row]:
        await self._connect()
        return await self._database.fetch(statement, values)

    async def _change(self, *statements: Statement) -> list[list[Row]]:
        await self._connect()
        return await self._database.change(statements)


def _rank_of(row: Row) -> tuple[int, float]:
    _, _, _, skips, rank = row
    return int(str(skips)), float(str(rank))


def _not_held(request_id: str) -> NotFoundError:
    return NotFoundError(
        "request_id",
        request_id,
        "Get the next request; this one may be with another reviewer since its time ran out.",
        problem=f"You do not have the request {request_id!r}.",
    )


def _request_values(request: LabelRequest) -> Row:
    return (
        request.id,
        request.campaign_id,
        request.task,
        request.language,
        request.record_id,
        request.input_sha256,
        request.verdict,
        request.score,
        request.propensity,
        request.rank,
        int(request.second),
    )


def _request(row: Row) -> LabelRequest:
    values = dict(zip(LabelRequest.model_fields, row, strict=True))
    return LabelRequest.model_validate({**values, "second": bool(row[-1])})


def _assignment(row: Row) -> Assignment:
    return Assignment.model_validate(dict(zip(Assignment.model_fields, row, strict=True)))


def time_of(seconds: object) -> datetime:
    """A time of the database, which stores seconds since 1970."""
    return datetime.fromtimestamp(float(str(seconds)), UTC)
