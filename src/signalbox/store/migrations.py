"""Numbered migrations, as data: one SQL script a dialect. The names of applied ones are in a table.

A migration that has landed is never edited; a change is a new one at the end.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Migration:
    """One step of the schema."""

    name: str
    sqlite: tuple[str, ...]
    postgres: tuple[str, ...]


# Both databases use an index with this condition where a statement has the same text. A text that quotes it has no match: its
# quotes are escaped.
IS_ASKED = """body LIKE '%"asked":true%'"""
LEDGER = "CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY)"

_RECORD_COLUMNS = """
  id TEXT PRIMARY KEY, created_at {time} NOT NULL, source TEXT NOT NULL, task TEXT NOT NULL,
  language TEXT NOT NULL, route TEXT NOT NULL, release_key TEXT, light TEXT NOT NULL, verdict TEXT NOT NULL,
  p_yes {real}, body {json} NOT NULL
"""
_FEEDBACK_COLUMNS = """
  id TEXT PRIMARY KEY, created_at {time} NOT NULL, label TEXT NOT NULL, body {json} NOT NULL,
  prediction_id TEXT NOT NULL REFERENCES record (id) ON DELETE CASCADE
"""
_INDEXES = (
    "CREATE INDEX record_by_task ON record (task, language, created_at)",
    "CREATE INDEX record_by_time ON record (created_at)",
    "CREATE INDEX feedback_by_prediction ON feedback (prediction_id, created_at)",
)
_SQLITE = {
    "time": "TEXT",
    "real": "REAL",
    "json": "TEXT",
    "seq": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "count": "INTEGER",
    "bytes": "BLOB",
}
# The body is TEXT on Postgres too: JSONB would reorder keys and normalize numbers of an append-only record.
_POSTGRES = {
    "time": "TIMESTAMPTZ",
    "real": "DOUBLE PRECISION",
    "json": "TEXT",
    "seq": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "count": "BIGINT",
    "bytes": "BYTEA",
}


def _tables(types: dict[str, str]) -> tuple[str, ...]:
    return (
        f"CREATE TABLE record ({_RECORD_COLUMNS.format(**types)})",
        f"CREATE TABLE feedback ({_FEEDBACK_COLUMNS.format(**types)})",
        *_INDEXES,
    )


def _score(types: dict[str, str]) -> tuple[str, ...]:
    """p(yes) is derived from the probabilities in the body now. Its column stays for one version, and is empty in new
    rows: processes of the version before may still write while a deployment replaces them. Bodies are append-only, so
    a record of the first version is upgraded when it is read (`contracts.record`).
    """
    return (f"ALTER TABLE record ADD COLUMN score {types['real']}",)


# `at` and `until` are seconds since 1970 by the clock of the database, so that the clocks of several assessors do not
# matter. A request outlives its record: the certificate needs its hash after the text is deleted.
_REQUEST_TABLES = (
    """CREATE TABLE campaign (
  id TEXT PRIMARY KEY, at {real} NOT NULL, task TEXT NOT NULL, language TEXT NOT NULL, verdict TEXT,
  route TEXT NOT NULL, body {json} NOT NULL)""",
    """CREATE TABLE label_request (
  id TEXT PRIMARY KEY, at {real} NOT NULL, campaign_id TEXT REFERENCES campaign (id), task TEXT NOT NULL,
  language TEXT NOT NULL, record_id TEXT NOT NULL, input_sha256 TEXT NOT NULL, verdict TEXT NOT NULL,
  score {real} NOT NULL, propensity {real} NOT NULL, rank {real} NOT NULL, second INTEGER NOT NULL,
  UNIQUE (task, input_sha256))""",
    """CREATE TABLE label_assignment (
  request_id TEXT NOT NULL REFERENCES label_request (id), slot INTEGER NOT NULL, attempt INTEGER NOT NULL,
  reviewer TEXT NOT NULL, at {real} NOT NULL, until {real} NOT NULL, PRIMARY KEY (request_id, slot, attempt))""",
    """CREATE TABLE label_review (
  seq {seq}, id TEXT NOT NULL UNIQUE, request_id TEXT NOT NULL, slot INTEGER NOT NULL, attempt INTEGER NOT NULL,
  reviewer TEXT NOT NULL, action TEXT NOT NULL, label TEXT, at {real} NOT NULL,
  FOREIGN KEY (request_id, slot, attempt) REFERENCES label_assignment (request_id, slot, attempt))""",
    "CREATE INDEX label_request_by_rank ON label_request (campaign_id, rank)",
    "CREATE INDEX label_request_by_record ON label_request (record_id)",
    "CREATE INDEX label_assignment_by_reviewer ON label_assignment (reviewer, until)",
    "CREATE INDEX label_review_by_request ON label_review (request_id, slot, seq)",
    # A delivery that comes twice is one entry.
    "CREATE UNIQUE INDEX label_review_once ON label_review (request_id, slot, attempt) WHERE action <> 'undo'",
)


def _requests(types: dict[str, str]) -> tuple[str, ...]:
    return tuple(statement.format(**types) for statement in _REQUEST_TABLES)


# The position decides between two writers that change the state of one campaign at once.
_EVENT_TABLES = (
    """CREATE TABLE certificate_event (
  seq {seq}, id TEXT NOT NULL UNIQUE, at {real} NOT NULL, task TEXT NOT NULL, campaign_id TEXT NOT NULL,
  certificate_id TEXT NOT NULL, certificate_digest TEXT NOT NULL, position INTEGER NOT NULL, action TEXT NOT NULL,
  cause TEXT NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL, details {json} NOT NULL,
  UNIQUE (campaign_id, position))""",
    "CREATE INDEX certificate_event_by_task ON certificate_event (task, seq)",
)


def _events(types: dict[str, str]) -> tuple[str, ...]:
    return tuple(statement.format(**types) for statement in _EVENT_TABLES)


def _usage(types: dict[str, str]) -> tuple[str, ...]:
    """A table of its own, because records are deleted after their time and hold no name of a client."""
    table = """CREATE TABLE client_usage (
  day TEXT NOT NULL, client TEXT NOT NULL, model TEXT NOT NULL, requests {count} NOT NULL,
  prompt_tokens {count} NOT NULL, completion_tokens {count} NOT NULL, seconds {real} NOT NULL,
  PRIMARY KEY (day, client, model))"""
    return (table.format(**types),)


def _values(types: dict[str, str]) -> tuple[str, ...]:
    """What the drift job compares, so that it need not parse bodies (`store.compared`). Empty in rows of earlier versions:
    to fill them would rewrite the whole table while assessors wait.
    """
    columns = {
        "input_key": types["count"],
        "input_characters": types["count"],
        "probabilities": types["json"],
        "candidate_light": "TEXT",
        "light_reason": "TEXT",
        "thresholds_digest": "TEXT",
    }
    return tuple(f"ALTER TABLE record ADD COLUMN {name} {kind}" for name, kind in columns.items())


def _packed(types: dict[str, str]) -> tuple[str, ...]:
    """The same in one column, which is all that an index needs to have for the drift job. Rows of earlier versions are in the
    second index, from which they are deleted with time. To create an index reads the table once, and writes none of it.
    """
    return (
        f"ALTER TABLE record ADD COLUMN packed {types['bytes']}",
        "CREATE INDEX record_packed ON record (task, language, packed) WHERE packed IS NOT NULL",
        "CREATE INDEX record_unpacked ON record (task, language, created_at) WHERE packed IS NULL AND source = 'user'",
        f"CREATE INDEX record_asked ON record (task, language) WHERE source = 'user' AND {IS_ASKED}",
    )


MIGRATIONS: tuple[Migration, ...] = (
    Migration("0001_records", _tables(_SQLITE), _tables(_POSTGRES)),
    Migration("0002_labels", _score(_SQLITE), _score(_POSTGRES)),
    Migration("0003_requests", _requests(_SQLITE), _requests(_POSTGRES)),
    Migration("0004_events", _events(_SQLITE), _events(_POSTGRES)),
    Migration("0005_usage", _usage(_SQLITE), _usage(_POSTGRES)),
    Migration("0006_values", _values(_SQLITE), _values(_POSTGRES)),
    Migration("0007_packed", _packed(_SQLITE), _packed(_POSTGRES)),
)
