"""Statements of SQLite, and its rows as contracts. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from signalbox.contracts.record import Feedback, Record
from signalbox.store import compared
from signalbox.store.backend import Query, StoredFields
from signalbox.store.rows import parse_row

_INTO = f"INSERT INTO record ({', '.join(compared.RECORD_COLUMNS)}) VALUES"
_ROW = f"({', '.join('?' * len(compared.RECORD_COLUMNS))})"
INSERT = f"{_INTO} {_ROW} ON CONFLICT (id) DO NOTHING"
ROWS_OF_STATEMENT = 64
INSERT_FEEDBACK = """INSERT INTO feedback (id, created_at, label, body, prediction_id)
SELECT ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM record WHERE id = ?) ON CONFLICT (id) DO NOTHING"""
NEWEST_FEEDBACK = """SELECT record.created_at, record.body, feedback.created_at, feedback.body FROM record JOIN feedback
ON feedback.prediction_id = record.id WHERE record.task = ? ORDER BY feedback.created_at, feedback.rowid"""
PURGE = """DELETE FROM record WHERE rowid IN
(SELECT rowid FROM record WHERE created_at < ? ORDER BY created_at LIMIT ?)"""
BY_ID = "SELECT created_at, body FROM record WHERE id = ?"


@lru_cache(maxsize=ROWS_OF_STATEMENT)
def insert_of(rows: int) -> str:
    """A statement that inserts so many rows, or none of them if an id exists."""
    return f"{_INTO} {', '.join([_ROW] * rows)}"


def matching(query: Query) -> tuple[str, tuple[object, ...]]:
    """The clauses after FROM, and their values."""
    equal = {"task": query.task, "language": query.language, "source": query.source}
    filters = {name: value for name, value in equal.items() if value is not None}
    conditions = [f"{name} = ?" for name in filters]
    values: list[object] = [*filters.values()]
    if query.since is not None:
        conditions.append("created_at >= ?")
        values.append(time_text(query.since))
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "DESC" if query.newest_first else "ASC"
    values.append(-1 if query.limit is None else query.limit)
    return f"{where} ORDER BY created_at {order}, rowid {order} LIMIT ?", tuple(values)


def time_text(value: datetime) -> str:
    """UTC with a fixed width, so that text order is time order."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def record_of(created_at: str, body: str) -> Record:
    """The record of a row."""
    return parse_row(Record, body, datetime.fromisoformat(created_at))


def feedback_of(created_at: str, body: str) -> Feedback:
    """The feedback of a row."""
    return parse_row(Feedback, body, datetime.fromisoformat(created_at))


def fields_of(created_at: str, row: list[Any]) -> StoredFields:
    """Fields of a record, from the array of its id and their values."""
    return StoredFields(row[0], datetime.fromisoformat(created_at), row[1:])


def row_of(record: Record) -> tuple[object, ...]:
    """The values of INSERT."""
    return compared.row_of(record, time_text(record.created_at))
