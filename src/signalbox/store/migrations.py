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
_SQLITE = {"time": "TEXT", "real": "REAL", "json": "TEXT"}
# The body is TEXT on Postgres too: JSONB would reorder keys and normalize numbers of an append-only record.
_POSTGRES = {"time": "TIMESTAMPTZ", "real": "DOUBLE PRECISION", "json": "TEXT"}


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


MIGRATIONS: tuple[Migration, ...] = (
    Migration("0001_records", _tables(_SQLITE), _tables(_POSTGRES)),
    Migration("0002_labels", _score(_SQLITE), _score(_POSTGRES)),
)
