"""The numbers of a label in a page, as a pattern reads them, next to a JSON parser."""

import json
import math
import random
from datetime import UTC, datetime

import pytest

from signalbox.store import open_store
from signalbox.store.compared import ComparedPage, Span, from_bodies, values_of_label
from tests.helpers import record

SPAN = Span("medical", "en", datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def page_of(probabilities: str, rows: int) -> ComparedPage:
    names = [str(row) for row in range(rows)]
    return ComparedPage(None, names, [], [], [], [], [], [], [], [], probabilities)


def by_parser(page: ComparedPage, label: str) -> list[float]:
    return [math.nan if row is None else row[label] for row in json.loads(page.probabilities)]


def same(values: list[float], others: list[float]) -> bool:
    return [repr(value) for value in values] == [repr(other) for other in others]


def test_every_number_is_the_one_of_the_parser() -> None:
    numbers = random.Random(3)
    values = [10 ** numbers.uniform(-320, 0) for _ in range(2000)] + [0.0, 1.0, 5e-324, 1e-7, 0.1 + 0.2]
    rows = [None if numbers.random() < 0.2 else {"yes": p, "no": 1 - p} for p in values]
    page = page_of(json.dumps(rows), len(rows))
    for label in ("yes", "no"):
        read = values_of_label(page, label)
        assert read is not None
        assert read[0] == ("yes", "no")
        assert same(read[1], by_parser(page, label))


@pytest.mark.parametrize(
    "labels", [("größer", "kleiner"), ("a.b*(c)", "[d]"), ("null", "no null"), ("a, b", "c: d")]
)
def test_labels_may_have_any_characters(labels: tuple[str, str]) -> None:
    rows = [dict.fromkeys(labels, 0.25), None, dict.fromkeys(labels, 0.75)]
    page = page_of(json.dumps(rows, ensure_ascii=False), 3)
    read = values_of_label(page, labels[0])
    assert read is None or same(read[1], by_parser(page, labels[0]))


@pytest.mark.parametrize(
    "probabilities",
    [
        "[]",
        "[null, null]",
        '[{"yes": 0.5, "no": 0.5}, {"no": 0.5, "yes": 0.5}]',
        '[{"yes": 0.5, "no": 0.5}, {"yes": 0.5}]',
        '[{"yes": 0.5, "no": 0.5}, {}]',
        '[{"yes": 0.5, "no": 0.5}, {"a,null,b": 0.5}]',
        '[{"yes": 0.5, "no": 0.5}, {"yes": null, "no": 0.5}]',
        '[{"yes": 0.5, "no": 0.5}, {"yes":0.5,"no":0.5}]',
        '[{"no": 0.5}, {"no": 0.5}]',
    ],
)
def test_a_page_of_other_forms_is_left_to_the_parser(probabilities: str) -> None:
    assert values_of_label(page_of(probabilities, 2), "yes") is None


async def test_both_databases_give_pages_that_the_pattern_reads(url: str) -> None:
    chances = [0.1, None, 1 / 3, 0.0, 1.0, 2e-17]
    records = [record(f"text {number}", p_yes=p) for number, p in enumerate(chances)]
    async with open_store(url) as store:
        await store.append_many(records)
        pages = [page async for page in store.compared(SPAN, 100)]
    [page] = [one for one in pages if one.id]
    read = values_of_label(page, "yes")
    assert read is not None
    expected = {one.id: one.p_yes for one in records}
    assert same(read[1], [math.nan if expected[name] is None else expected[name] for name in page.id])


def test_rows_of_bodies_have_the_same_form() -> None:
    bodies = [record(f"text {number}", p_yes=p).model_dump_json() for number, p in enumerate((0.1, 1 / 3))]
    page = from_bodies([("2026-01-01", number, str(number), body) for number, body in enumerate(bodies)])
    read = values_of_label(page, "yes")
    assert read is not None
    assert read[1] == [0.1, 1 / 3]


async def test_pages_begin_after_the_last_row_of_the_page_before(url: str) -> None:
    """Also among rows of one time."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    records = [record(f"text {number}", created_at=moment) for number in range(5)]
    async with open_store(url) as store:
        await store.append_many([*records, record("later")])
        pages = [page.id async for page in store.compared(SPAN, 2)]
    assert [len(page) for page in pages if page] == [2, 2, 2]
    assert {name for page in pages[:3] for name in page} >= {one.id for one in records}
