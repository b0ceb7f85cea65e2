"""Which records of a real store are compared, and how often one text counts."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines import windows as module
from pipelines.windows import ALL, Group, Windows, read
from signalbox.contracts.labels import NEUTRAL
from signalbox.contracts.light import Light
from signalbox.store import open_store
from signalbox.tasks import Task, load_task
from tests.helpers import RELEASE, record

TASK = load_task(Path("tasks/medical"))
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
WINDOWS = Windows(NOW - timedelta(days=35), NOW - timedelta(days=7), NOW)
ROUTES = ("encoder", "decoder", "cascade")
OURS, INPUT = Group("encoder", "en", RELEASE.key), Group("encoder", "en", ALL)


def made(text, days, **changes):
    """A record so many days before now."""
    return record(text, created_at=NOW - timedelta(days=days), **changes)


async def pairs_of(folder, records, **options):
    async with open_store(f"sqlite:///{folder / 'signalbox.db'}") as store:
        if records:
            await store.append_many(records)
        return await read(store, TASK, options.pop("languages", ["en", "de"]), ROUTES, WINDOWS, **options)


async def test_a_window_holds_its_begin_and_not_its_end(tmp_path):
    days = {"before": 35.001, "begin": 35, "last": 7.001, "border": 7, "newest": 0.001, "now": 0}
    pairs = await pairs_of(tmp_path, [made(text, d, p_yes=d / 100) for text, d in days.items()])
    assert set(pairs) == {OURS, INPUT}
    assert pairs[OURS].reference.outputs == [0.35, 0.07001]
    assert pairs[OURS].current.outputs == [0.07, 1e-5]


async def test_evaluations_other_tasks_and_languages_that_the_task_has_not_are_left_out(tmp_path):
    records = [
        made("a", 1, source="evaluation"),
        made("b", 1, task="tickets"),
        made("c", 1, language="fr"),
        made("d", 1),
    ]
    pairs = await pairs_of(tmp_path, records)
    assert pairs[INPUT].current.texts == ["d"]
    assert set(pairs) == {OURS, INPUT}


async def test_verdicts_have_the_names_of_today(tmp_path):
    """A label that was renamed is no drift."""
    labels = [
        {"name": "network", "words": {"en": ["Network"]}, "former": ["lan"]},
        {"name": "access", "words": {"en": ["Access"]}},
        {"name": "other", "words": {"en": ["Other"]}},
    ]
    languages = {"en": {"system": "s", "turns": []}}
    fields = {"name": "toy", "title": {}, "question": {}, "labels": labels, "languages": languages}
    task = Task.model_validate({**fields, "folder": tmp_path})
    rest = {"access": 0.25, "other": 0.25}
    old = made("a", 20, task="toy", verdict="lan", probabilities={"lan": 0.5, **rest})
    new = made("b", 1, task="toy", verdict="network", probabilities={"network": 0.5, **rest})
    async with open_store(f"sqlite:///{tmp_path / 'signalbox.db'}") as store:
        await store.append_many([old, new])
        pairs = await read(store, task, ["en"], ROUTES, WINDOWS)
    assert pairs[OURS].reference.verdicts == pairs[OURS].current.verdicts == {"network": 1}
    assert pairs[OURS].reference.outputs == pairs[OURS].current.outputs == [0.25]


async def test_an_empty_store_gives_no_group(tmp_path):
    assert await pairs_of(tmp_path, []) == {}


async def test_a_text_counts_once_a_day(tmp_path):
    """A script that repeats a text is one row a day; another release or route is another row."""
    repeated = [made("same", 1 + i / 100) for i in range(10)]
    others = [
        made("same", 1, release=RELEASE.model_copy(update={"revision": "r2"})),
        made("same", 1, route="decoder"),
    ]
    pairs = await pairs_of(tmp_path, [*repeated, *others, made("same", 2), made("same", 20)])
    assert (pairs[OURS].current.rows, pairs[OURS].reference.rows) == (2, 1)
    assert pairs[INPUT].current.rows == 2
    assert pairs[Group("encoder", "en", RELEASE.key.replace("r1", "r2"))].current.rows == 1
    assert pairs[Group("decoder", "en", ALL)].current.rows == 1


async def test_a_day_is_one_of_utc(tmp_path):
    midnight = (NOW - timedelta(days=1)).replace(hour=0)
    times = [midnight - timedelta(minutes=1), midnight + timedelta(minutes=1)]
    pairs = await pairs_of(tmp_path, [record("same", created_at=time) for time in times])
    assert pairs[OURS].current.rows == 2


async def test_what_no_model_answered_counts_as_input_only(tmp_path):
    failed = {"release": None, "p_yes": None, "verdict": NEUTRAL, "candidate_light": Light.RED}
    pairs = await pairs_of(tmp_path, [made("a", 1), made("bb", 1, **failed)])
    assert pairs[OURS].current.rows == 1
    assert sorted(pairs[INPUT].current.characters) == [1, 2]


async def test_an_answer_without_p_yes_is_a_row_without_this_value(tmp_path):
    pairs = await pairs_of(tmp_path, [made("a", 1, p_yes=None, verdict=NEUTRAL), made("b", 1)])
    sample = pairs[OURS].current
    assert (sample.rows, sample.outputs) == (2, [0.9])
    assert sample.verdicts == {"neutral": 1, "yes": 1}
    assert sample.lights == {"green": 2}


@pytest.mark.parametrize("page_rows", [1, 2, 3, 7])
async def test_pages_of_any_size_give_each_record_once(tmp_path, page_rows):
    """Ten records of one time are more than a page holds."""
    times = [20.0, 20.0, 19.0, *[5.0] * 10, 4.0, 4.0, 4.0]
    records = [made(f"text {i}", day) for i, day in enumerate(times)]
    pairs = await pairs_of(tmp_path, records, page_rows=page_rows)
    sample = pairs[OURS]
    assert Counter([*sample.reference.texts, *sample.current.texts]) == {f"text {i}": 1 for i in range(16)}
    assert (sample.reference.rows, sample.current.rows) == (3, 13)


async def test_texts_are_a_sample_from_the_whole_window(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_TEXTS", 20)
    records = [made(f"{i}", 6 - i / 100) for i in range(400)]
    sample = (await pairs_of(tmp_path, records))[INPUT].current
    assert (sample.rows, sample.texts_seen, len(set(sample.texts))) == (400, 400, 20)
    assert 100 < sum(map(int, sample.texts)) / 20 < 300


async def test_texts_are_cut_and_missing_ones_are_no_value(tmp_path):
    long = "x" * (module.TEXT_CHARACTERS + 5)
    sample = (await pairs_of(tmp_path, [made(long, 2), made("b", 1, input_text=None)]))[INPUT].current
    assert [len(text) for text in sample.texts] == [module.TEXT_CHARACTERS]
    assert sample.characters == [len(long), 1]
