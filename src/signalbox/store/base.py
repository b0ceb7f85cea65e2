"""The record store over a database and a spool."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from signalbox.contracts.labels import Label
from signalbox.contracts.record import Feedback, LabeledText, Record, Source
from signalbox.errors import NotFoundError, shorten
from signalbox.store.backend import Backend, Query, StoredFields, StoreUnavailable
from signalbox.store.events import EventStore
from signalbox.store.ground_truth import ground_truth
from signalbox.store.pages import ComparedStore
from signalbox.store.reachable import connect_within
from signalbox.store.requests import RequestStore
from signalbox.store.rows import without_text
from signalbox.store.spool import Spool, write_again
from signalbox.store.usage import UsageStore

log = logging.getLogger(__name__)

_REPLAY_PAUSE_SECONDS = (0.5, 1.0, 2.0, 5.0)
_REPLAYED_AT_ONCE = 2000
_PURGED_AT_ONCE = 1000
_RECONNECT_PAUSE_SECONDS = 1.0


class Store:
    """Append-only records with their feedback, and a local spool for while the database is unavailable.

    With `spool_dir`, a row that cannot be written goes there and is written later, in order, by a task of its own; without
    it, the failure is raised. A row that the database rejects then as well is kept in another file. While rows wait, new ones join them: not each request waits for a database that hangs.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        store_text: bool = True,
        spool_dir: Path | None = None,
        spool_max_bytes: int | None = None,
        wait_seconds: float = 0.0,
    ) -> None:
        self._backend = backend
        self._store_text = store_text
        self._spool = Spool(spool_dir / "records.jsonl", spool_max_bytes) if spool_dir else None
        self._wait_seconds = wait_seconds
        self._connected = False
        self._connecting = asyncio.Lock()
        self._replaying = asyncio.Lock()
        self._retry_at = 0.0
        self._replayer: asyncio.Task[None] | None = None
        self.write_failures = 0

    async def open(self) -> Self:
        """Connect, within `wait_seconds`. With a spool, the store opens without a database too."""
        try:
            await self._connect(self._wait_seconds)
        except StoreUnavailable:
            if self._spool is None:
                raise
            log.warning("store unavailable; spooling rows", exc_info=True)
        if self._spool is not None:
            self._replayer = asyncio.create_task(self._replay_forever())
        return self

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def requests(self) -> RequestStore:
        """Campaigns, requests for ground truth and what reviewers entered."""
        return RequestStore(self._backend, self._connect)

    @property
    def events(self) -> EventStore:
        return EventStore(self._backend, self._connect)

    @property
    def usage(self) -> UsageStore:
        return UsageStore(self._backend, self._connect)

    @property
    def compared(self) -> ComparedStore:
        """Records by what the drift job compares of them."""
        return ComparedStore(self._backend, self._connect)

    @property
    def spooled(self) -> int:
        """Rows that wait in the spool."""
        return len(self._spool) if self._spool else 0

    async def append(self, record: Record) -> None:
        """Store one record. Returns once it is durable: in the database, or in the spool."""
        await self.append_many([record])

    async def append_many(self, records: Sequence[Record]) -> None:
        """Store records, all or none."""
        rows = [record if self._store_text else without_text(record) for record in records]
        if self._spool and self.spooled:
            await asyncio.to_thread(self._spool.add, rows)
            return
        try:
            await self._connect()
            await self._backend.append(rows)
        except StoreUnavailable as error:
            await self._to_spool(rows, error)

    async def add_feedback(self, feedback: Feedback) -> None:
        """Store feedback. Raises InputError when the prediction does not exist."""
        if not _could_be_id(feedback.prediction_id):
            raise unknown_prediction(feedback.prediction_id)
        row = feedback if self._store_text else feedback.model_copy(update={"comment": None})
        if self._spool and self._spool.get(feedback.prediction_id):
            await asyncio.to_thread(self._spool.add, [row])
            return
        try:
            await self._connect()
            if not await self._backend.add_feedback(row):
                raise unknown_prediction(feedback.prediction_id)
        except StoreUnavailable as error:
            await self._to_spool([row], error)

    async def get(self, record_id: str) -> Record | None:
        """One record, or None."""
        if self._spool and (waiting := self._spool.get(record_id)):
            return waiting
        if not _could_be_id(record_id):
            return None
        await self._connect()
        return await self._backend.get(record_id)

    async def feedback_for(self, record_id: str) -> list[Feedback]:
        """Feedback of one record, oldest first."""
        waiting = self._spool.feedback_for(record_id) if self._spool else []
        if self._spool and self._spool.get(record_id):
            return waiting
        await self._connect()
        return [*await self._backend.feedback_for(record_id), *waiting]

    async def records(
        self,
        *,
        task: str | None = None,
        language: str | None = None,
        source: Source | None = None,
        since: datetime | None = None,
        limit: int | None = None,
        newest_first: bool = True,
    ) -> list[Record]:
        """Records that match, by time."""
        await self._connect()
        return await self._backend.records(Query(task, language, source, since, limit, newest_first))

    async def fields(self, names: Sequence[str], query: Query) -> list[StoredFields]:
        """Fields of the records that match, by time. A field that the stored version does not have is None."""
        await self._connect()
        return await self._backend.fields(names, query)

    async def labels(self, task: str) -> dict[str, Label]:
        """The newest label of each record that has one, by id, as it was entered; also of records without their text."""
        await self._connect()
        return {record.id: feedback.label for record, feedback in await self._backend.newest_feedback(task)}

    async def ground_truth(self, task: str) -> list[LabeledText]:
        """Ground truth collected until now: records that have their text, with their newest label; the oldest first.

        From feedback and from the queue, see `signalbox.store.ground_truth`.
        """
        await self._connect()
        pairs = await self._backend.newest_feedback(task)
        queue = await self.requests.labeled_texts(task)
        return ground_truth(pairs, queue)

    async def purge(self, older_than: datetime, report: Callable[[int], None] | None = None) -> int:
        """Delete records older than a time, with their feedback; returns how many records.

        In parts, so that rows can be appended meanwhile and no part takes long; `report` gets the number up to each.
        """
        await self._connect()
        deleted = 0
        async for count in self._backend.purge(older_than, _PURGED_AT_ONCE):
            deleted += count
            if report:
                report(deleted)
        return deleted

    async def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer."""
        await self._connect()
        await self._backend.ping()

    async def replay_spool(self) -> int:
        """Write the rows of the spool; returns the number of those written, the others are kept. Raises StoreUnavailable, OSError."""
        replayed = 0
        async with self._replaying:
            while self._spool and (rows := self._spool.rows(_REPLAYED_AT_ONCE)):
                await self._connect()
                rejected = await write_again(self._backend, rows)
                await asyncio.to_thread(self._spool.drop, len(rows), rejected)
                self.write_failures += len(rejected)
                replayed += len(rows) - len(rejected)
        if replayed:
            log.info("spool replayed", extra={"rows": replayed})
        return replayed

    async def close(self) -> None:
        """Stop replaying and close connections; rows in the spool stay for the next start."""
        if self._replayer:
            self._replayer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._replayer
        await self._backend.close()

    async def _connect(self, wait_seconds: float = 0.0) -> None:
        """One attempt at a time, and none right after a failure: callers would wait for each in turn."""
        if self._connected:
            return
        async with self._connecting:
            if self._connected:
                return
            if time.monotonic() < self._retry_at:
                raise StoreUnavailable("The database could not be reached a moment ago.")
            try:
                await connect_within(self._backend, wait_seconds)
            except StoreUnavailable:
                self._retry_at = time.monotonic() + _RECONNECT_PAUSE_SECONDS
                raise
            self._connected = True

    async def _to_spool(self, rows: Sequence[Record | Feedback], error: StoreUnavailable) -> None:
        self.write_failures += 1
        if self._spool is None:
            raise error
        log.warning("row spooled", extra={"rows": len(rows), "cause": str(error)})
        await asyncio.to_thread(self._spool.add, rows)

    async def _replay_forever(self) -> None:
        pauses = iter(_REPLAY_PAUSE_SECONDS)
        pause = next(pauses)
        while True:
            await asyncio.sleep(pause)
            try:
                await self.replay_spool()
            except StoreUnavailable:
                pause = next(pauses, pause)
            except Exception:  # of any kind: the next row may be written
                log.exception("spool replay failed")
                pause = next(pauses, pause)
            else:
                pauses = iter(_REPLAY_PAUSE_SECONDS)
                pause = next(pauses)


def _could_be_id(value: str) -> bool:
    """Postgres rejects even a query with a NUL, and a lone surrogate has no UTF-8 form."""
    return value.isascii() and "\x00" not in value


def unknown_prediction(prediction_id: str) -> NotFoundError:
    """The error for an id that no record has."""
    return NotFoundError(
        "prediction_id",
        prediction_id,
        "Use an id that /v1/assess returned.",
        problem=f"No such prediction: {shorten(prediction_id)}.",
    )
