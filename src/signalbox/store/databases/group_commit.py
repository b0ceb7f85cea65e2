"""Group commit: one writer that commits all waiting appends at once, so that they share the cost of being durable.

Rows that arrive while one commit is written share the next. An append returns only once its own rows are durable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

from signalbox.contracts.record import Record
from signalbox.errors import InputError

WRITES_AT_ONCE = 512

Append = Sequence[Record]
# The result of each append of a commit: None, or the error that is its own.
Results = Sequence[Exception | None]
_Waiting = tuple[Append, asyncio.Future[None]]


def new_records(appends: Sequence[Append], stored: Mapping[str, Record]) -> tuple[list[Record], Results]:
    """The records of appends that are still to be written, and the result of each append. Pure.

    A record that equals the stored one is passed over. An append with another record of an id that is stored, or that comes
    before it, fails, and none of its records is written.
    """
    known, results = dict(stored), list[Exception | None]()
    for append in appends:
        own = {record.id: record for record in reversed(append)}  # the first of each id
        conflicts = [record for record in append if known.get(record.id, own[record.id]) != record]
        results.append(conflict(conflicts[0]) if conflicts else None)
        if not conflicts:
            known.update({name: record for name, record in own.items() if name not in known})
    return [record for name, record in known.items() if name not in stored], results


def conflict(record: Record) -> InputError:
    """The error of a record whose id another one has."""
    return InputError("id", record.id, "Another record has this id; records are append-only.")


class GroupCommit:
    """The queue of waiting appends and its writer.

    `commit` writes some appends and returns the result of each. Where it raises, `is_own` says whether the error may
    belong to one of them: then each is written alone, so that one bad row fails alone; else all of them fail.
    """

    def __init__(
        self, commit: Callable[[Sequence[Append]], Awaitable[Results]], is_own: Callable[[Exception], bool]
    ) -> None:
        self._commit, self._is_own = commit, is_own
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the writer was started."""
        return self._task is not None

    def start(self) -> None:
        """Start the writer in the running loop."""
        self._task = asyncio.create_task(self._write_forever())

    async def append(self, records: Append) -> None:
        """Queue for the next commit and wait until it is durable. Raises what the commit raised."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((list(records), durable))
        await durable

    async def stop(self) -> None:
        """Write what waits, then stop the writer."""
        if self._task is None:
            return
        await self._queue.join()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def _write_forever(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty() and len(batch) < WRITES_AT_ONCE:
                batch.append(self._queue.get_nowait())
            await self._write(batch)
            for _ in batch:
                self._queue.task_done()

    async def _write(self, batch: list[_Waiting]) -> None:
        try:
            results = await self._commit([records for records, _ in batch])
        except Exception as error:
            if len(batch) > 1 and self._is_own(error):
                for waiting in batch:
                    await self._write([waiting])
                return
            results = [error] * len(batch)
        for (_, durable), result in zip(batch, results, strict=True):
            if durable.done():  # its writer was canceled
                continue
            if result is None:
                durable.set_result(None)
            else:
                durable.set_exception(result)
