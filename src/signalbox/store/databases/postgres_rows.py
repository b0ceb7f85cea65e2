"""Statements of Postgres, and its rows as contracts. Pure."""

from __future__ import annotations

from datetime import datetime

from signalbox.contracts.record import Feedback, Record
from signalbox.store.backend import Query
from signalbox.store.compared import bodies_sql, packed_sql
from signalbox.store.rows import parse_row

_MARKS = tuple(f"${number}" for number in range(1, 8))
_LAST = (
    "(SELECT packed FROM page ORDER BY packed DESC LIMIT 1)"  # there is no max() of bytes before Postgres 18
)
PACKED = packed_sql("string_agg(packed, ''::bytea)", _LAST, _MARKS)
BODIES = bodies_sql("id", _MARKS)
STORED = "SELECT created_at, body FROM record WHERE task = $1 AND language = $2 AND created_at = ANY($3::timestamptz[])"
INSERT_FEEDBACK = """INSERT INTO feedback (id, created_at, label, body, prediction_id)
SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT 1 FROM record WHERE id = $5) ON CONFLICT (id) DO NOTHING"""
NEWEST_FEEDBACK = """SELECT DISTINCT ON (record.id) record.created_at, record.body, feedback.created_at,
feedback.body FROM record JOIN feedback ON feedback.prediction_id = record.id WHERE record.task = $1
ORDER BY record.id, feedback.created_at DESC"""
# From the place that the last part reached: an index keeps what is deleted until a vacuum. By the place of a row in the table, so
# that two processes lock rows in the same order.
PURGE = """WITH deleted AS (DELETE FROM record WHERE ctid = ANY(ARRAY(
SELECT ctid FROM record WHERE created_at >= coalesce($1, '-infinity'::timestamptz) AND created_at < $2
ORDER BY created_at LIMIT $3)) RETURNING created_at) SELECT count(*), max(created_at) FROM deleted"""
BY_ID = "SELECT created_at, body FROM record WHERE id = $1"
BY_IDS = "SELECT created_at, body FROM record WHERE id = ANY($1)"


def matching(columns: str, query: Query) -> str:
    """The statement that reads columns of the records that match, for `values_of_query`."""
    order = "DESC" if query.newest_first else "ASC"
    return f"""SELECT {columns} FROM record WHERE ($1::text IS NULL OR task = $1)
        AND ($2::text IS NULL OR language = $2) AND ($3::text IS NULL OR source = $3)
        AND ($4::timestamptz IS NULL OR created_at >= $4)
        ORDER BY created_at {order}, id {order} LIMIT $5"""  # noqa: S608


def values_of_query(query: Query) -> tuple[object, ...]:
    """The values of `matching`."""
    return query.task, query.language, query.source, query.since, query.limit


def record_of(created_at: datetime, body: str) -> Record:
    """The record of a row."""
    return parse_row(Record, body, created_at)


def feedback_of(created_at: datetime, body: str) -> Feedback:
    """The feedback of a row."""
    return parse_row(Feedback, body, created_at)
