"""Which records of a real store are compared, and how often one text counts."""

import json
import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines import samples
from pipelines import windows as module
from pipelines.windows import ALL, Group, Windows, read
from signalbox.contracts.labels import NEUTRAL
from signalbox.contracts.light import Light, LightReason
from signalbox.store import open_store
from signalbox.store.compared import VALUE_COLUMNS
from signalbox.tasks import Task, load_task
from tests.helpers import RELEASE, record
from tests.pipelines.samples import key_of

TASK = load_task(Path("tasks/medical"))
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
WINDOWS = Windows(NOW - timedelta(days=35), NOW - timedelta(days=7), NOW)
ROUTES = ("encoder", "decoder", "cascade")
OURS, INPUT = Group("encoder", "en", RELEASE.key), Group("encoder", "en", ALL)
MIX = Group("encoder", ALL, ALL)
NEW_FIELDS = {
    "probabilities",
    "score",
    "thresholds_digest",
    "certificate_digest",
    "asked",
    "asked_at",
    "propensity",
}
EARLIER = "earlier"  # thresholds of records that name none


def made(text, days, **changes):
    """A record so many days before now."""
    return record(text, created_at=NOW - timedelta(days=days), **changes)


def outputs(sample, thresholds=""):
    return sample.column("output", thresholds).values


def columns_of(pairs):
    return {
        (group, side, *name): (column.values, column.texts.tolist())
        for group, pair in pairs.items()
        for side, sample in enumerate((pair.reference, pair.current))
        for name, column in sample.columns.items()
    }


def counts(sample, column, thresholds=EARLIER):
    return Counter(sample.column(column, thresholds).values)


async def pairs_of(folder, records, **options):
    async with open_store(f"sqlite:///{folder / 'signalbox.db'}") as store:
        if records:
            await store.append_many(records)
        return await read(store, TASK, options.pop("languages", ["en", "de"]), ROUTES, WINDOWS, **options)


async def test_a_window_holds_its_begin_and_not_its_end(tmp_path):
    days = {"before": 35.001, "begin": 35, "last": 7.001, "border": 7, "newest": 0.001, "now": 0}
    pairs = await pairs_of(tmp_path, [made(text, d, p_yes=d / 100) for text, d in days.items()])
    assert set(pairs) == {OURS, INPUT}
    assert outputs(pairs[OURS].reference) == [0.35, 0.07001]
    assert outputs(pairs[OURS].current) == [0.07, 1e-5]


async def test_evaluations_other_tasks_and_languages_that_the_task_has_not_are_left_out(tmp_path):
    records = [
        made("a", 1, source="evaluation"),
        made("b", 1, task="tickets"),
        made("c", 1, language="fr"),
        made("d", 1),
    ]
    pairs = await pairs_of(tmp_path, records)
    assert pairs[INPUT].current.column("input_characters").texts.tolist() == [key_of("d")]
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
    assert (
        counts(pairs[OURS].reference, "verdict") == counts(pairs[OURS].current, "verdict") == {"network": 1}
    )
    assert outputs(pairs[OURS].reference) == outputs(pairs[OURS].current) == [0.25]


async def test_an_empty_store_gives_no_group(tmp_path):
    assert await pairs_of(tmp_path, []) == {}


async def test_every_row_counts_and_keeps_its_text(tmp_path):
    """What is sent again is a row; the tests know that it is no independent one."""
    repeated = [made("same", 1 + i / 100) for i in range(10)]
    others = [
        made("same", 1, release=RELEASE.model_copy(update={"revision": "r2"})),
        made("same", 1, route="decoder"),
    ]
    pairs = await pairs_of(tmp_path, [*repeated, *others, made("other", 2), made("same", 20)])
    current = pairs[OURS].current.column("output")
    assert (pairs[OURS].current.rows, len(current.values), len(set(current.texts))) == (11, 11, 2)
    assert set(pairs[OURS].reference.column("output").texts) < set(current.texts)
    assert pairs[INPUT].current.rows == 12
    assert pairs[Group("encoder", "en", RELEASE.key.replace("r1", "r2"))].current.rows == 1
    assert pairs[Group("decoder", "en", ALL)].current.rows == 1


async def test_verdict_and_light_are_kept_by_thresholds(tmp_path):
    records = [
        made("a", 1, thresholds_digest="aa"),
        made("b", 1, thresholds_digest="bb"),
        made("c", 1, light_reason=LightReason.UNCALIBRATED),
        made("d", 1),
    ]
    sample = (await pairs_of(tmp_path, records))[OURS].current
    assert sample.thresholds("verdict") == {"aa", "bb", "uncalibrated", EARLIER}
    assert sample.thresholds("output") == {""}


async def test_in_a_cascade_the_outputs_are_kept_by_thresholds_too(tmp_path):
    """The encoder's thresholds select the texts that the decoder gets."""
    sample = (await pairs_of(tmp_path, [made("a", 1, route="cascade", thresholds_digest="aa")]))[
        Group("cascade", "en", RELEASE.key)
    ].current
    assert sample.thresholds("output") == {"aa"}


async def test_outcomes_are_answered_neutral_or_the_reason_of_a_failure(tmp_path):
    nothing = {"release": None, "p_yes": None, "verdict": NEUTRAL, "error": "down"}
    records = [
        made("a", 1),
        made("b", 1, verdict=NEUTRAL, light_reason=LightReason.NEUTRAL),
        made("c", 1, light_reason=LightReason.TIMEOUT, **nothing),
        made("d", 1, light_reason=LightReason.UNAVAILABLE, **nothing),
        made("e", 1, **nothing),
        made("f", 1, light_reason=LightReason.TOO_CLOSE),
    ]
    sample = (await pairs_of(tmp_path, records))[INPUT].current
    assert counts(sample, "outcome", "") == {
        "answered": 2,
        "neutral": 1,
        "timeout": 1,
        "unavailable": 1,
        "failed": 1,
    }


async def test_the_mix_of_languages_is_one_group_of_a_route(tmp_path):
    records = [made("a", 1), made("b", 1, language="de"), made("c", 20, language="de")]
    pairs = await pairs_of(tmp_path, records)
    assert counts(pairs[MIX].current, "language", "") == {"en": 1, "de": 1}
    assert counts(pairs[MIX].reference, "language", "") == {"de": 1}
    assert MIX not in await pairs_of(tmp_path, [], languages=["en"])


async def test_a_single_language_is_no_mix(tmp_path):
    assert MIX not in await pairs_of(tmp_path, [made("a", 1), made("b", 20)])


async def test_records_of_the_first_version_have_their_p_yes(tmp_path):
    old = made("a", 1, p_yes=0.3).model_dump(mode="json")
    body = {**{k: v for k, v in old.items() if k not in NEW_FIELDS}, "schema_version": 1, "p_yes": 0.3}
    url = f"sqlite:///{tmp_path / 'signalbox.db'}"
    async with open_store(url) as store:
        await store.append(made("a", 1, id=old["id"]))
    with sqlite3.connect(tmp_path / "signalbox.db") as connection:
        connection.execute("UPDATE record SET body = ?, packed = NULL", (json.dumps(body),))
    connection.close()
    assert outputs((await pairs_of(tmp_path, []))[OURS].current) == [0.3]


async def test_rows_of_a_version_without_the_columns_give_the_same_values(tmp_path):
    nothing = {"release": None, "p_yes": None, "verdict": NEUTRAL, "light_reason": LightReason.TIMEOUT}
    records = [made("a", 1, p_yes=0.3, thresholds_digest="aa"), made("b", 20), made("c", 2, **nothing)]
    new = await pairs_of(tmp_path, records)
    with sqlite3.connect(tmp_path / "signalbox.db") as connection:
        for column in VALUE_COLUMNS:
            connection.execute(f"UPDATE record SET {column} = NULL")
    connection.close()
    assert columns_of(await pairs_of(tmp_path, [])) == columns_of(new)


async def test_rows_that_an_earlier_version_writes_meanwhile_are_not_missed(tmp_path):
    """A deployment migrates first and replaces its processes afterwards."""
    records = [made(f"text {number}", 1 + number / 10) for number in range(4)]
    new = await pairs_of(tmp_path, records)
    with sqlite3.connect(tmp_path / "signalbox.db") as connection:
        connection.execute("UPDATE record SET packed = NULL WHERE id = ?", (records[1].id,))
    connection.close()
    mixed = await pairs_of(tmp_path, [])
    assert Counter(outputs(mixed[OURS].current)) == Counter(outputs(new[OURS].current))
    assert sorted(mixed[INPUT].current.texts) == sorted(new[INPUT].current.texts)


async def test_labels_that_became_one_since_have_the_margin_of_today(tmp_path):
    """The margin of a row is that of the labels then, so all probabilities are read."""
    labels = [
        {"name": "network", "words": {"en": ["Network"]}, "former": ["lan", "wifi"]},
        {"name": "access", "words": {"en": ["Access"]}},
        {"name": "other", "words": {"en": ["Other"]}},
    ]
    languages = {"en": {"system": "s", "turns": []}}
    fields = {"name": "toy", "title": {}, "question": {}, "labels": labels, "languages": languages}
    task = Task.model_validate({**fields, "folder": tmp_path})
    probabilities = {"lan": 0.25, "wifi": 0.25, "access": 0.375, "other": 0.125}
    old = made("a", 1, task="toy", verdict="lan", probabilities=probabilities)
    async with open_store(f"sqlite:///{tmp_path / 'signalbox.db'}") as store:
        await store.append(old)
        pairs = await read(store, task, ["en"], ROUTES, WINDOWS)
    assert outputs(pairs[OURS].current) == [0.125]


async def test_the_output_is_the_probability_of_the_positive_label_in_any_order(tmp_path):
    records = [
        made("a", 2, probabilities={"yes": 0.1 + 0.2, "no": 0.7}),
        made("b", 1, probabilities={"no": 1 / 3, "yes": 2 / 3}),
    ]
    assert outputs((await pairs_of(tmp_path, records))[OURS].current) == [0.1 + 0.2, 2 / 3]


async def test_what_no_model_answered_counts_as_input_only(tmp_path):
    failed = {"release": None, "p_yes": None, "verdict": NEUTRAL, "candidate_light": Light.RED}
    pairs = await pairs_of(tmp_path, [made("a", 1), made("bb", 1, **failed)])
    assert pairs[OURS].current.rows == 1
    assert sorted(pairs[INPUT].current.column("input_characters").values) == [1, 2]


async def test_an_answer_without_p_yes_is_a_row_without_this_value(tmp_path):
    pairs = await pairs_of(tmp_path, [made("a", 1, p_yes=None, verdict=NEUTRAL), made("b", 1)])
    sample = pairs[OURS].current
    assert (sample.rows, outputs(sample)) == (2, [0.9])
    assert counts(sample, "verdict") == {"neutral": 1, "yes": 1}
    assert counts(sample, "candidate_light") == {"green": 2}


@pytest.mark.parametrize("page_rows", [1, 2, 3, 7])
async def test_pages_of_any_size_give_each_record_once(tmp_path, page_rows):
    """Ten records of one time are more than a page holds."""
    times = [20.0, 20.0, 19.0, *[5.0] * 10, 4.0, 4.0, 4.0]
    records = [made(f"text {i}", day) for i, day in enumerate(times)]
    pairs = await pairs_of(tmp_path, records, page_rows=page_rows)
    sample = pairs[OURS]
    keys = [*sample.reference.column("output").texts, *sample.current.column("output").texts]
    assert Counter(keys) == {key_of(f"text {i}"): 1 for i in range(16)}
    assert (sample.reference.rows, sample.current.rows) == (3, 13)


async def test_texts_are_a_sample_from_the_whole_window(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "MOST_TEXTS", 20)
    records = [made(f"{i}", days - i / 100) for i in range(400) for days in (6, 20)]
    sample = (await pairs_of(tmp_path, records))[INPUT].current
    assert (sample.rows, len(set(sample.texts))) == (400, 20)
    assert 100 < sum(map(int, sample.texts)) / 20 < 300


async def test_a_text_counts_once_in_equal_parts_of_both_windows(tmp_path):
    """However much traffic there is: else the window with more of it would look richer in rare texts."""
    reference = [made("same" if i % 2 else f"r{i}", 20 - i / 100) for i in range(40)]
    current = [made("same" if i % 2 else f"c{i}", 3 - i / 100) for i in range(10)]
    pair = (await pairs_of(tmp_path, [*reference, *current]))[INPUT]
    assert (len(pair.reference.texts), pair.reference.texts.count("same")) == (24, 4)
    assert (len(pair.current.texts), pair.current.texts.count("same")) == (6, 1)


async def test_texts_are_cut_and_missing_ones_are_no_value(tmp_path):
    long = "x" * (module.TEXT_CHARACTERS + 5)
    records = [made(long, 2), made("b", 1, input_text=None), made("c", 20), made("d", 20)]
    sample = (await pairs_of(tmp_path, records))[INPUT].current
    assert [len(text) for text in sample.texts] == [module.TEXT_CHARACTERS]
    assert sample.column("input_characters").values == [len(long), 1]
