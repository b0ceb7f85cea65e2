"""Rows of bytes that the drift job reads, on both databases."""

import math
import sqlite3
import struct
from datetime import UTC, datetime, timedelta

import pytest

from signalbox.store import open_store
from signalbox.store.compared import (
    FIELDS,
    ROW_BYTES,
    Kind,
    Span,
    begin_of,
    input_key,
    kind_key,
    packed_sql,
    stored_of,
    time_of,
    values_of,
)
from signalbox.store.pages import ASKED
from tests.helpers import RELEASE, record

SPAN = Span("medical", "en", datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def fields_of(row: bytes) -> dict[str, float]:
    values = struct.unpack(">QQQQIdd", row)
    return dict(zip((name for name, _ in FIELDS), values, strict=True))


def rows_of(joined: bytes) -> list[bytes]:
    return [joined[first : first + ROW_BYTES] for first in range(0, len(joined), ROW_BYTES)]


def packed(one) -> bytes:
    return values_of(one)[-1]


def test_a_row_has_the_values_of_its_record() -> None:
    one = record("text", created_at=NOON, p_yes=1 / 3, thresholds_digest="aa")
    fields = fields_of(packed(one))
    kind = Kind("encoder", RELEASE.key, "yes", "green", "provisional", "aa", ("yes", "no"))
    assert (fields["first"], fields["second"]) == (1 / 3, one.probabilities["no"])
    assert (fields["characters"], fields["text"]) == (4, input_key(one.input_sha256) % 2**64)
    assert fields["kind"] == kind_key(kind)
    assert time_of(packed(one)) == NOON


@pytest.mark.parametrize(
    ("probabilities", "numbers"),
    [
        (None, (math.nan, math.nan)),
        ({"a": 0.5, "b": 0.3, "c": 0.2}, (0.5 - 0.3, math.nan)),
        ({"b": 0.2, "a": 0.8}, (0.2, 0.8)),
    ],
)
def test_the_numbers_of_two_labels_or_the_margin(probabilities, numbers) -> None:
    fields = fields_of(packed(record(probabilities=probabilities, verdict="a")))
    assert repr((fields["first"], fields["second"])) == repr(numbers)


def test_the_order_of_rows_is_that_of_time() -> None:
    times = [
        datetime(1960, 1, 1, tzinfo=UTC),
        NOON,
        NOON + timedelta(microseconds=1),
        NOON.replace(year=2200),
    ]
    rows = [packed(record(created_at=time)) for time in times]
    assert rows == sorted(rows)
    assert [time_of(row) for row in rows] == times
    for time, row in zip(times, rows, strict=True):
        assert begin_of(time) < row < begin_of(time + timedelta(microseconds=1))


def test_a_body_gives_the_row_of_its_record() -> None:
    for changes in ({}, {"release": None, "p_yes": None, "verdict": "neutral"}, {"p_yes": 2e-17}):
        one = record("größer", created_at=NOON, **changes)
        row, stored = stored_of(one.created_at, one.model_dump_json())
        assert row == packed(one)
        assert (stored.probabilities, stored.input_text) == (one.probabilities, "größer")


async def test_both_databases_give_the_same_rows(url: str) -> None:
    records = [record(f"text {number}", p_yes=number / 9) for number in range(9)]
    others = [record(source="evaluation"), record(language="de"), record(task="tickets")]
    async with open_store(url) as store:
        await store.append_many([*records, *others])
        pages = [page async for page in store.compared.pages(SPAN, 4)]
    assert [len(page.rows) // ROW_BYTES for page in pages] == [4, 4, 1]
    assert rows_of(b"".join(page.rows for page in pages)) == sorted(map(packed, records))
    assert all(page.kinds == {} for page in pages)


async def test_a_span_holds_its_begin_and_not_its_end(url: str) -> None:
    step = timedelta(microseconds=1)
    records = [record(created_at=NOON + number * step) for number in range(-1, 3)]
    span = SPAN._replace(since=NOON, until=NOON + 2 * step)
    async with open_store(url) as store:
        await store.append_many(records)
        [page] = [page async for page in store.compared.pages(span)]
        assert rows_of(page.rows) == [packed(records[1]), packed(records[2])]


async def test_rows_of_one_time_are_on_pages_of_any_size(url: str) -> None:
    records = [record(f"text {number}", created_at=NOON) for number in range(5)]
    async with open_store(url) as store:
        await store.append_many([*records, record("later")])
        for size in (1, 2, 3, 6, 7):
            pages = [page.rows async for page in store.compared.pages(SPAN, size)]
            assert len(set(rows_of(b"".join(pages)))) == sum(map(len, pages)) // ROW_BYTES == 6


async def test_the_rest_of_a_record_is_found_by_its_row(url: str) -> None:
    records = [record(f"text {number}", created_at=NOON) for number in range(3)]
    gone = packed(record("not stored"))
    async with open_store(url) as store:
        await store.append_many(records)
        stored = await store.compared.stored(SPAN, [packed(records[2]), gone])
        assert await store.compared.stored(SPAN, []) == {}
    assert {row: one.input_text for row, one in stored.items()} == {packed(records[2]): "text 2"}
    [one] = stored.values()
    assert kind_key(one.kind) == fields_of(packed(records[2]))["kind"]


async def test_what_was_asked_comes_with_other_records_of_its_text(url: str) -> None:
    quote = 'He wrote: "asked":true, and left.'
    asked = record("a", asked=True, asked_at=NOON, propensity=0.5, created_at=NOON)
    same = [record("a", created_at=NOON + timedelta(days=day)) for day in (-400, 1)]
    others = [record("b"), record(quote), record("a", source="evaluation"), record("a", language="de")]
    async with open_store(url) as store:
        await store.append_many([same[0], asked, same[1], *others])
        assert await store.compared.asked("medical", "en") == [same[1], asked, same[0]]
        assert await store.compared.asked("tickets", "en") == []


async def test_what_was_asked_is_read_by_an_index(tmp_path) -> None:
    path = tmp_path / "records.db"
    async with open_store(f"sqlite:///{path}") as store:
        await store.append(record())
    with sqlite3.connect(path) as connection:
        [step] = connection.execute(f"EXPLAIN QUERY PLAN {ASKED}", ("medical", "en")).fetchall()
    connection.close()
    assert step[-1] == "SEARCH record USING INDEX record_asked (task=? AND language=?)"


async def test_pages_are_read_from_the_index_alone(tmp_path) -> None:
    path = tmp_path / "records.db"
    async with open_store(f"sqlite:///{path}") as store:
        await store.append(record())
    with sqlite3.connect(path) as connection:
        sql = packed_sql("group_concat(packed, '')", "max(packed)", ("?",) * 5)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", ("medical", "en", b"", b"x", 10)).fetchall()
    connection.close()
    steps = [step[-1] for step in plan]
    assert any(
        "COVERING INDEX record_packed (task=? AND language=? AND packed>? AND packed<?)" in step
        for step in steps
    )
    assert not any("TEMP B-TREE" in step for step in steps)
