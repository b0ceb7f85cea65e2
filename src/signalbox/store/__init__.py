"""The record store: append and read records and feedback, on SQLite or Postgres by URL."""

from signalbox.store.base import Store, open_store

__all__ = ["Store", "open_store"]
