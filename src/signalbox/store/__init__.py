"""The record store: append and read records and feedback, on SQLite or Postgres by URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.errors import InputError
from signalbox.store.backend import Backend, Query, StoredFields, StoreUnavailable
from signalbox.store.base import Store, unknown_prediction
from signalbox.store.databases.postgres import PostgresBackend
from signalbox.store.databases.sqlite import SqliteBackend
from signalbox.store.reachable import connect_within
from signalbox.store.spool import SpoolFull

if TYPE_CHECKING:
    from signalbox.settings import Settings

__all__ = [
    "Query",
    "SpoolFull",
    "Store",
    "StoreUnavailable",
    "StoredFields",
    "migrate",
    "open_store",
    "store_of",
    "unknown_prediction",
]


def open_store(
    url: str,
    *,
    store_text: bool = True,
    spool_dir: Path | None = None,
    spool_max_bytes: int | None = None,
    wait_seconds: float = 0.0,
) -> Store:
    """The store at `sqlite:///PATH` or `postgresql://…`; use it as an async context manager or `open()` it."""
    return Store(
        _backend(url),
        store_text=store_text,
        spool_dir=spool_dir,
        spool_max_bytes=spool_max_bytes,
        wait_seconds=wait_seconds,
    )


def store_of(settings: Settings) -> Store:
    """The store of the settings for a command or a job, which waits for a database that cannot be reached yet."""
    return open_store(settings.store_url, wait_seconds=settings.database_wait_seconds)


async def migrate(url: str, wait_seconds: float = 0.0) -> list[str]:
    """Create or upgrade the tables; returns the names of new migrations. Raises InputError, StoreUnavailable."""
    backend = _backend(url)
    try:
        return await connect_within(backend, wait_seconds)
    finally:
        await backend.close()


def _backend(url: str) -> Backend:
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteBackend(Path(rest[1:]))
    if separator and scheme in {"postgresql", "postgres"}:
        return PostgresBackend(url)
    redacted = f"{scheme}://…" if separator else "(no scheme)"  # a URL may contain a password
    raise InputError("database_url", redacted, "Use sqlite:///PATH or postgresql://USER@HOST/DATABASE.")
