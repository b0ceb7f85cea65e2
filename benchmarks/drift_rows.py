"""Records for the benchmarks of the drift job: users' records of five weeks in SQLite, one language, one release, no drift.

Each text is there once. Bodies have only what the job reads of them, so the file is smaller than one of an assessor. Ids are in
the order of time.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from signalbox.contracts.labels import BINARY, NO, YES, yes_no
from signalbox.contracts.record import ModelRelease
from signalbox.store import migrate
from signalbox.store.compared import VALUE_COLUMNS, Kind, input_key, kind_key, packed_row
from signalbox.store.databases.sqlite_rows import time_text

DAYS = 35
_RELEASE = ModelRelease(name="bench", revision="r1", engine="onnx", quantization="int8")
_DIGEST = "0123456789abcdef"
_AT_ONCE = 50_000
_INSERT = f"""INSERT INTO record (id, created_at, source, task, language, route, release_key, light, verdict, score, body,
{", ".join(VALUE_COLUMNS)}) VALUES (?, ?, 'user', 'medical', 'en', 'encoder', '{_RELEASE.key}', 'yellow', ?, ?, ?,
?, ?, ?, ?, ?, '{_DIGEST}', ?)"""
_BODY = (
    """{{"id": "{0}", "input_sha256": "{0}", "route": "encoder", "release": """
    + _RELEASE.model_dump_json().replace("{", "{{").replace("}", "}}")
    + """, "verdict": "{1}", "candidate_light": "{2}", "light_reason": "{3}", "thresholds_digest": """
    + f'"{_DIGEST}"'
    + """, "input_characters": {4}, "probabilities": {5}, "input_text": "The text {0} names word{6} and word{7}."}}"""
)

Row = tuple[object, ...]


def fill(path: Path, rows: int, now: datetime) -> None:
    """Records of the last DAYS days, the newest a minute old."""
    asyncio.run(migrate(f"sqlite:///{path}"))
    with sqlite3.connect(path) as connection:
        for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-200000", "locking_mode=EXCLUSIVE"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.executemany(_INSERT, _rows(rows, now - timedelta(days=DAYS, minutes=1)))
        connection.execute("ANALYZE")
    connection.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.close()


def _rows(rows: int, first: datetime) -> Iterator[Row]:
    rng = np.random.default_rng(0)
    step = timedelta(days=DAYS) / rows
    for start in range(0, rows, _AT_ONCE):
        count = min(_AT_ONCE, rows - start)
        chances = (rng.random(count) ** 2).tolist()
        characters = rng.integers(30, 230, count).tolist()
        for number, yes, length in zip(range(start, start + count), chances, characters, strict=True):
            yield _row(number, first + number * step, yes, length)


def _row(number: int, created_at: datetime, yes: float, characters: int) -> Row:
    name = str(number)
    verdict = YES if yes >= 0.4 else NO
    light = "green" if abs(yes - 0.4) > 0.35 else "yellow"
    reason = "timeout" if number % 50 == 0 else "provisional"
    probabilities = json.dumps(yes_no(yes))
    body = _BODY.format(name, verdict, light, reason, characters, probabilities, number % 500, number % 499)
    kind = kind_key(Kind("encoder", _RELEASE.key, verdict, light, reason, _DIGEST, BINARY))
    text = input_key(name)
    packed = packed_row(created_at, name, text, kind, characters, yes_no(yes))
    # In the order of _INSERT.
    return (
        name, time_text(created_at), verdict, abs(yes - 0.4), body, text, characters, probabilities, light,
        reason, packed,
    )  # fmt: skip
