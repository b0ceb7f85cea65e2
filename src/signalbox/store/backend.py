"""The interface of a database of the record store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from signalbox.contracts.record import Feedback, Record, Source
from signalbox.errors import SignalboxError
from signalbox.store.compared import ComparedPage, Place, Span, Stored
from signalbox.store.portable import Statement


class StoreUnavailable(SignalboxError):  # noqa: N818 - reads as what happened
    """The database cannot be reached, or it rejects a write for now."""


class StoreUnreachable(StoreUnavailable):
    """No connection: the server is away or starting, so that a later attempt may succeed."""


class RowRejected(StoreUnavailable):
    """The database rejects this row, and will again: for its values, not for the state of the database."""


@dataclass(frozen=True)
class Query:
    """The records to read; None means any."""

    task: str | None = None
    language: str | None = None
    source: Source | None = None
    since: datetime | None = None
    limit: int | None = None
    newest_first: bool = True


class StoredFields(NamedTuple):
    """Fields of one stored record, in the order of their names; `created_at` is the column's."""

    id: str
    created_at: datetime
    values: list[Any]


class Backend(Protocol):
    """One database. Every method raises StoreUnavailable when it cannot be reached."""

    async def connect(self) -> list[str]:
        """Connect and migrate; returns the names of new migrations. May be called again after a failure."""
        ...

    async def append(self, records: Sequence[Record]) -> None:
        """Write all or none; a row that exists with equal content is passed over."""
        ...

    async def add_feedback(self, feedback: Feedback) -> bool:
        """False when the prediction does not exist."""
        ...

    async def get(self, record_id: str) -> Record | None:
        """One record."""
        ...

    async def records(self, query: Query) -> list[Record]:
        """Records that match."""
        ...

    async def fields(self, names: Sequence[str], query: Query) -> list[StoredFields]:
        """Some fields of the records that match."""
        ...

    async def packed(self, span: Span, after: bytes, rows: int) -> tuple[bytes, bytes]:
        """What the drift job compares, oldest first: so many rows after one, joined, and the last of them."""
        ...

    async def unpacked(self, span: Span, after: Place | None, rows: int) -> tuple[ComparedPage, Place | None]:
        """The same of records of versions without the column, and the place of the last; None if there are no more."""
        ...

    async def stored(self, span: Span, rows: Collection[bytes]) -> dict[bytes, Stored]:
        """What the records of some rows have besides, of those that still exist."""
        ...

    async def feedback_for(self, record_id: str) -> list[Feedback]:
        """Feedback of one record, oldest first."""
        ...

    async def newest_feedback(self, task: str) -> list[tuple[Record, Feedback]]:
        """Every record of a task that has feedback, with its newest one."""
        ...

    def purge(self, older_than: datetime, rows: int) -> AsyncIterator[int]:
        """Delete records and their feedback, oldest first: so many records in one transaction; their number, each time."""
        ...

    async def fetch(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        """Rows of a statement in the form of `store.portable`, which both databases understand."""
        ...

    async def change(self, statements: Sequence[Statement]) -> list[list[tuple[object, ...]]]:
        """Statements of the same form in one transaction: all or none. The rows that each returned."""
        ...

    async def ping(self) -> None:
        """A trivial query."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
