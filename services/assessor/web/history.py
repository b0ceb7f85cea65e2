"""The latest answers of a browser: their ids in a cookie. No accounts, and nothing is stored here."""

from __future__ import annotations

import re

COOKIE = "signalbox_answers"
SHOWN = 10

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SEPARATOR = "."  # Needs no quoting in a cookie.


def is_id(value: str) -> bool:
    """Whether a value has the form of a record's id."""
    return _ID.fullmatch(value) is not None


def read(cookie: str | None) -> list[str]:
    """The ids in a cookie, newest first; anything else in it is ignored."""
    ids = (cookie or "").split(_SEPARATOR)
    return list(dict.fromkeys(filter(is_id, ids)))[:SHOWN]


def add(cookie: str | None, answer_id: str) -> str:
    """The cookie with one more id, the newest."""
    return _SEPARATOR.join([answer_id, *(other for other in read(cookie) if other != answer_id)][:SHOWN])
