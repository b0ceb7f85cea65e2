"""The columns of a record that the drift job compares, read without the body. Pure.

A body is about a kilobyte of JSON, and its parsing was most of the job's time. Rows that a version without these columns
wrote have none, and they are read from the body: so nothing is rewritten when the schema is upgraded.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from signalbox.contracts.labels import yes_no
from signalbox.contracts.record import ModelRelease, Record

_KEY_BYTES = 8
# In the order of the migration; INSERT has them in this order after the columns before them.
VALUE_COLUMNS = (
    "input_key",
    "input_characters",
    "probabilities",
    "candidate_light",
    "light_reason",
    "thresholds_digest",
)
_MATCHING = """FROM record WHERE task = {marks[0]} AND language = {marks[1]} AND source = 'user'
AND created_at >= {marks[2]} AND created_at < {marks[3]} AND (created_at, {place}) > ({marks[4]}, {marks[5]})
ORDER BY created_at, {place} LIMIT {marks[6]}"""
_SEPARATOR = "\x1f"
_LISTS = ("id", "route", "release_key", "verdict", "candidate_light", "light_reason", "thresholds_digest")
_OPTIONAL = ("release_key", "thresholds_digest")
_NUMBERS = ("input_key", "input_characters", "probabilities")
PAGE_ROWS = 10_000


Place = tuple[Any, Any]  # the time of a row, and what orders rows of one time: a page begins after it


class ComparedPage(NamedTuple):
    """Some records, a list a column. `input_key`: 64 bits, signed; `probabilities`: a JSON array, by label or null."""

    last: Place | None
    id: list[str]
    route: list[str]
    release_key: list[str | None]
    verdict: list[str]
    candidate_light: list[str]
    light_reason: list[str]
    thresholds_digest: list[str | None]
    input_key: list[int]
    input_characters: list[int]
    probabilities: str


class Span(NamedTuple):
    """Users' records of a task and a language in [since, until)."""

    task: str
    language: str
    since: datetime
    until: datetime


def input_key(input_sha256: str) -> int:
    """64 bits of a text's hash, signed as databases have them: of a million texts, two are equal with a chance below 1e-7."""
    digest = hashlib.blake2b(input_sha256.encode(), digest_size=_KEY_BYTES).digest()
    return int.from_bytes(digest, "big", signed=True)


def values_of(record: Record) -> tuple[object, ...]:
    """The values of VALUE_COLUMNS."""
    return (
        input_key(record.input_sha256),
        record.input_characters,
        None if record.probabilities is None else json.dumps(record.probabilities, ensure_ascii=False),
        record.candidate_light.value,
        record.light_reason.value,
        record.thresholds_digest,
    )


def packed_sql(place: str, join: str, last: str, marks: Sequence[str]) -> str:
    """A page as one row: each column joined to a text by the database. A row a record takes five times as long to fetch.

    `place` orders rows of one time, `join` is the function that joins texts, `last` selects the place of the last row.
    """
    lists = [f"{join}(coalesce({name}, ''), '{_SEPARATOR}')" for name in _LISTS]
    numbers = [f"{join}(coalesce(CAST({name} AS text), 'null'), ',')" for name in _NUMBERS]
    columns = ", ".join(["count(*)", "count(input_key)", *lists, *numbers])
    matching = _MATCHING.format(place=place, marks=marks)
    names = ", ".join(dict.fromkeys((place, "created_at", *_LISTS, *_NUMBERS)))
    return f"WITH page AS (SELECT {names} {matching}) SELECT {columns}, {last} FROM page"  # noqa: S608


def rows_sql(place: str, marks: Sequence[str]) -> str:
    """The bodies of the same page, for rows of a version without the columns."""
    return f"SELECT created_at, {place}, id, body {_MATCHING.format(place=place, marks=marks)}"


def unpacked(row: Sequence[Any], last: Place | None) -> ComparedPage | None:
    """The page of a row of `packed_sql`; None where it has to be read from the bodies."""
    count, with_values, *columns = row[: 2 + len(_LISTS) + len(_NUMBERS)]
    if not count:
        return ComparedPage(None, [], [], [], [], [], [], [], [], [], "[]")
    lists = [column.split(_SEPARATOR) for column in columns[: len(_LISTS)]]
    if with_values < count or any(len(one) != count for one in lists):
        return None
    keys, characters, probabilities = (f"[{column}]" for column in columns[len(_LISTS) :])
    values: list[Any] = [
        [one or None for one in values] if name in _OPTIONAL else values
        for name, values in zip(_LISTS, lists, strict=True)
    ]
    return ComparedPage._make((last, *values, json.loads(keys), json.loads(characters), probabilities))


def from_bodies(rows: Sequence[Sequence[Any]]) -> ComparedPage:
    """The page of rows of `rows_sql`."""
    lists: list[Any] = [
        list(column) for column in zip(*(_from_body(name, body) for *_, name, body in rows), strict=True)
    ]
    *lists, probabilities = lists
    return ComparedPage._make(
        ((rows[-1][0], rows[-1][1]), *lists, json.dumps(probabilities, ensure_ascii=False))
    )


def values_of_label(page: ComparedPage, label: str) -> tuple[tuple[str, ...], list[float]] | None:
    """The labels of the page's probabilities, and the one of `label` in each row, not a number where a row has none.

    None unless all rows have the same labels in the same order, which is so for most pages. A pattern reads them in half the
    time of a JSON parser, as it builds no dictionaries. Text that is no such row cannot be missed: each match begins
    at an object, since a quote within a string is escaped, and no quotes may be left over.
    """
    text = page.probabilities
    if (start := text.find("{")) < 0:
        return None
    labels = tuple(json.JSONDecoder().raw_decode(text, start)[0])
    if label not in labels:
        return None
    numbers = ("([^,}]+)" if one == label else "[^,}]+" for one in labels)
    names = (re.escape(json.dumps(one, ensure_ascii=False)) for one in labels)
    members = ", ".join(f"{name}: {number}" for name, number in zip(names, numbers, strict=True))
    values = re.findall(rf"\{{{members}\}}|null", text)
    quotes = 2 * len(labels) * (len(values) - values.count(""))
    if len(values) != len(page.id) or text.count('"') != quotes:
        return None
    try:
        return labels, [float(value) if value else math.nan for value in values]
    except ValueError:
        return None


def _from_body(name: str, body: str) -> tuple[object, ...]:
    """The columns of a record, also of version 1, which had p(yes) as a field."""
    fields = json.loads(body)
    probabilities = fields.get("probabilities")
    if fields.get("schema_version") == 1:
        probabilities = yes_no(fields.get("p_yes"))
    release = fields["release"]
    return (
        name,
        fields["route"],
        None if release is None else ModelRelease.model_validate(release).key,
        fields["verdict"],
        fields["candidate_light"],
        fields["light_reason"],
        fields.get("thresholds_digest"),
        input_key(fields["input_sha256"]),
        fields["input_characters"],
        probabilities,
    )
