"""SQL that both databases understand: `?` for a value, `{now}` for the seconds since 1970 by the database's clock. Pure.

Values are texts, integers and floats; times are seconds. Casts tell Postgres the type of a value where it cannot infer it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import lru_cache

Statement = tuple[str, Sequence[object]]

_SQLITE_NOW = "((julianday('now') - 2440587.5) * 86400.0)"
_POSTGRES_NOW = "extract(epoch FROM clock_timestamp())::float8"
# JSON is stored as text in both: `{text(body.FIELD)}` is a field of it as text.
_FIELD = re.compile(r"\{text\((\w+)\.(\w+)\.(\w+)\)\}")


@lru_cache(maxsize=256)
def sqlite_form(sql: str) -> str:
    """The statement for SQLite."""
    return _FIELD.sub(r"json_extract(\1.\2, '$.\3')", sql).replace("{now}", _SQLITE_NOW)


@lru_cache(maxsize=256)
def postgres_form(sql: str) -> str:
    """The statement for asyncpg: numbered values."""
    numbers = itertools.count(1)
    plain = _FIELD.sub(r"(\1.\2::json ->> '\3')", sql).replace("{now}", _POSTGRES_NOW)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", plain)
