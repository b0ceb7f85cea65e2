"""Users' answers in pages, oldest first: memory holds one page, whatever the store has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from signalbox.contracts.record import Record
from signalbox.store import Store

PAGE_ROWS = 1_000


async def answer_pages(
    store: Store, task: str, language: str, *, since: datetime | None = None, rows: int = PAGE_ROWS
) -> AsyncIterator[list[Record]]:
    """Users' records of a task and language from a time on.

    Records of one time are never in two pages: a page begins at a time, and its reader may order them in its own way.
    """
    limit = rows
    while True:
        page = await store.records(
            task=task, language=language, source="user", since=since, limit=limit, newest_first=False
        )
        if len(page) < limit:
            yield page
            return
        last = page[-1].created_at
        if before := [record for record in page if record.created_at < last]:
            yield before
            since, limit = last, rows
        else:
            limit *= 2  # more records of one time than a page has
