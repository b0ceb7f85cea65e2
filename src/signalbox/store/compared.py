"""What the drift job compares of a record, as one row of bytes in an index. Pure.

The job reads nothing but the index: neither the table nor a body, which is about a kilobyte of JSON. What has few values is
a `Kind`, and a row has its hash; the job reads the body of one record of each kind. Rows that a version without this column
wrote come from their bodies.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from signalbox.contracts.labels import margin, yes_no
from signalbox.contracts.record import ModelRelease, Record

# Names and types of a row, as numpy writes them. Big-endian with the time in front: the order of bytes is that of time. With
# the hash of the id, no two rows are equal, so that a page can begin after a row.
FIELDS = (
    ("time", ">u8"),
    ("id", ">u8"),
    ("text", ">u8"),
    ("kind", ">u8"),
    ("characters", ">u4"),
    ("first", ">f8"),
    ("second", ">f8"),
)
_ROW, _TIME, _TEXT = struct.Struct(">QQQQIdd"), struct.Struct(">Q"), struct.Struct(">16xQ28x")
ROW_BYTES = _ROW.size
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_ZERO = 1 << 63  # the time of 1970: a time before it has no sign
_MOST_CHARACTERS = (1 << 32) - 1
_KEY_BYTES = 8
_AS_JSON = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps creates one for each call
# In the order of the migrations; INSERT has them in this order after the columns before them.
VALUE_COLUMNS = (
    "input_key",
    "input_characters",
    "probabilities",
    "candidate_light",
    "light_reason",
    "thresholds_digest",
    "packed",
)
# All columns of a record; the databases differ in the form of the second one only.
RECORD_COLUMNS = (
    *[
        "id",
        "created_at",
        "source",
        "task",
        "language",
        "route",
        "release_key",
        "light",
        "verdict",
        "score",
        "body",
    ],
    *VALUE_COLUMNS,
)
PAGE_ROWS = 1 << 15  # 1.6 MiB
BODIES_AT_ONCE = 2_000
_SPAN = "FROM record WHERE task = {0} AND language = {1}"

Place = tuple[Any, Any]  # the time of a row, and what orders rows of one time: a page begins after it


class Kind(NamedTuple):
    """What a record has in common with many others. `labels` are those of its probabilities, in their order."""

    route: str
    release_key: str | None
    verdict: str
    candidate_light: str
    light_reason: str
    thresholds_digest: str | None
    labels: tuple[str, ...] | None


class Stored(NamedTuple):
    """What a row leaves out of its record."""

    kind: Kind
    probabilities: Mapping[str, float] | None
    input_text: str | None
    body: str


class ComparedPage(NamedTuple):
    """Rows, oldest first, and the kinds of those whose records have no column `packed`, by hash."""

    rows: bytes
    kinds: Mapping[int, Kind]


class Span(NamedTuple):
    """Users' records of a task and a language in [since, until)."""

    task: str
    language: str
    since: datetime
    until: datetime


def input_key(input_sha256: str) -> int:
    """64 bits of a text's hash, signed as databases have them: of a million texts, two are equal with a chance below 1e-7."""
    return int.from_bytes(_digest(input_sha256), "big", signed=True)


@lru_cache(maxsize=4096)
def kind_key(kind: Kind) -> int:
    """64 bits of its hash."""
    return int.from_bytes(_digest(json.dumps(kind)), "big")


def row_of(record: Record, created_at: object) -> tuple[object, ...]:
    """The values of RECORD_COLUMNS, with the time as the database has it."""
    return (
        record.id,
        created_at,
        record.source,
        record.task,
        record.language,
        record.route,
        record.release.key if record.release else None,
        record.light.value,
        record.verdict,
        record.score,
        record.model_dump_json(),
        *values_of(record),
    )


def values_of(record: Record) -> tuple[object, ...]:
    """The values of VALUE_COLUMNS. What is not of a user is not compared, and has no row."""
    probabilities, text = record.probabilities, input_key(record.input_sha256)
    return (
        text,
        record.input_characters,
        None if probabilities is None else _AS_JSON(probabilities),
        record.candidate_light.value,
        record.light_reason.value,
        record.thresholds_digest,
        _packed_record(record, text) if record.source == "user" else None,
    )


def begin_of(moment: datetime) -> bytes:
    """The bytes that all rows from this time on follow, and none before it."""
    return _TIME.pack(_microseconds(moment))


def time_of(row: bytes) -> datetime:
    """When the record of a row was created."""
    [microseconds] = _TIME.unpack_from(row)
    return _EPOCH + (int(microseconds) - _ZERO) * _MICROSECOND


def rows_with_text(rows: bytes, keys: Collection[int]) -> list[bytes]:
    """Those of joined rows whose text has one of these keys."""
    return [
        rows[place * ROW_BYTES : (place + 1) * ROW_BYTES]
        for place, (key,) in enumerate(_TEXT.iter_unpack(rows))
        if key in keys
    ]


def packed_sql(join: str, last: str, marks: Sequence[str]) -> str:
    """A page as one value: its rows, joined by the database, and the last of them. A row a record takes twice as long."""
    matching = f"""{_SPAN.format(*marks)} AND packed IS NOT NULL AND packed > {marks[2]} AND packed < {marks[3]}
ORDER BY packed LIMIT {marks[4]}"""
    return f"WITH page AS (SELECT packed {matching}) SELECT {join}, {last} FROM page"  # noqa: S608


def bodies_sql(place: str, marks: Sequence[str]) -> str:
    """A page of the bodies of rows of a version without the column. `place` orders rows of one time."""
    return f"""SELECT created_at, {place}, body {_SPAN.format(*marks)} AND source = 'user' AND packed IS NULL
AND created_at >= {marks[2]} AND created_at < {marks[3]} AND (created_at, {place}) > ({marks[4]}, {marks[5]})
ORDER BY created_at, {place} LIMIT {marks[6]}"""


def page_of(bodies: Iterable[tuple[datetime, str]]) -> ComparedPage:
    """The page of bodies, each with the time of its column."""
    rows, kinds = [], {}
    for created_at, body in bodies:
        row, stored = stored_of(created_at, body)
        rows.append(row)
        kinds[kind_key(stored.kind)] = stored.kind
    return ComparedPage(b"".join(rows), kinds)


def packed_row(
    created_at: datetime,
    name: str,
    text: int,
    kind: int,
    characters: int,
    probabilities: Mapping[str, float] | None,
) -> bytes:
    """The row of a record, from its fields, the key of its text and the hash of its kind."""
    return _ROW.pack(
        _microseconds(created_at),
        int.from_bytes(_digest(name), "big"),
        text % (1 << 64),
        kind,
        min(characters, _MOST_CHARACTERS),
        *_numbers(probabilities),
    )


def stored_of(created_at: datetime, body: str) -> tuple[bytes, Stored]:
    """The row of a body, also of version 1, which had p(yes) as a field, and what else is read of it."""
    fields = json.loads(body)
    probabilities = fields.get("probabilities")
    if fields.get("schema_version") == 1:
        probabilities = yes_no(fields.get("p_yes"))
    release = fields["release"]
    kind = Kind(
        fields["route"],
        None if release is None else ModelRelease.model_validate(release).key,
        fields["verdict"],
        fields["candidate_light"],
        fields["light_reason"],
        fields.get("thresholds_digest"),
        None if probabilities is None else tuple(probabilities),
    )
    row = packed_row(
        created_at,
        fields["id"],
        input_key(fields["input_sha256"]),
        kind_key(kind),
        fields["input_characters"],
        probabilities,
    )
    return row, Stored(kind, probabilities, fields["input_text"], body)


def _packed_record(record: Record, text: int) -> bytes:
    kind = Kind(
        record.route,
        record.release.key if record.release else None,
        record.verdict,
        record.candidate_light.value,
        record.light_reason.value,
        record.thresholds_digest,
        None if record.probabilities is None else tuple(record.probabilities),
    )
    return packed_row(
        record.created_at,
        record.id,
        text,
        kind_key(kind),
        record.input_characters,
        record.probabilities,
    )


def _numbers(probabilities: Mapping[str, float] | None) -> tuple[float, float]:
    """Those of two labels, in their order; of more labels, the margin. Not a number where there is none."""
    values = tuple((probabilities or {}).values())
    if probabilities and len(values) > 2:
        return margin(probabilities), math.nan
    first, second, *_ = (*values, math.nan, math.nan)
    return first, second


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND + _ZERO


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES).digest()
