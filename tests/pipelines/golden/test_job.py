"""The golden job against the real assessor: the first run blesses, a silent change is found and suspends once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from pipelines.golden.job import golden
from pipelines.golden.publish import line_of, write_metrics
from pipelines.golden.rows import golden_rows
from signalbox.errors import InputError
from signalbox.models.base import Answer
from signalbox.tasks import load_task
from tests.pipelines.world import World, rows_right_and_wrong


@pytest.fixture
def world(new_world) -> Iterator[World]:
    example = new_world([*rows_right_and_wrong("en", 24), *rows_right_and_wrong("de", 24)])
    with example.model_servers(), example.assessor():
        yield example


def shift(world: World, by: float) -> None:
    """The same names, other answers: as after a change of quantization that nobody named."""
    original = world.decoder.answer

    async def answer(text: str, language: str) -> Answer:
        result = await original(text, language)
        p_yes = min(0.99, result.probabilities["yes"] + by)
        return result.model_copy(update={"probabilities": {"yes": p_yes, "no": 1 - p_yes}})

    world.decoder.answer = answer


def test_the_first_run_blesses_and_the_next_one_finds_the_same(world):
    first = golden(world.settings, ["decoder"])
    assert sorted(map(line_of, first.outcomes)) == [
        "de decoder: 22 rows blessed now; 17 of 22 rows right",
        "en decoder: 22 rows blessed now; 17 of 22 rows right",
    ]
    second = golden(world.settings, ["decoder"])
    assert [(one.rows, one.p_value, one.changed) for one in second.outcomes] == [(22, 1.0, False)] * 2
    page = write_metrics(world.settings.state_dir / "metrics", second).read_text()
    assert 'signalbox_golden_changed{language="en",route="decoder"' in page
    assert "signalbox_golden_p_value_ratio{" in page


def test_a_silent_change_is_found_and_reported_once(world):
    golden(world.settings, ["decoder"])
    shift(world, 0.02)
    found = golden(world.settings, ["decoder"])
    assert [(one.changed, one.is_new) for one in found.outcomes] == [(True, True)] * 2
    again = golden(world.settings, ["decoder"])
    assert [(one.changed, one.is_new) for one in again.outcomes] == [(True, False)] * 2
    golden(world.settings, ["decoder"], bless=True)
    assert not any(one.changed for one in golden(world.settings, ["decoder"]).outcomes)


def test_another_release_has_a_name_and_is_blessed(world):
    golden(world.settings, ["encoder"])
    world.change_encoder("2")
    world.calibrate()
    assert [(one.rows, one.blessed_now) for one in golden(world.settings, ["encoder"]).outcomes] == [
        (0, 22)
    ] * 2


def test_rows_of_the_task_s_own_file_need_a_label_and_are_at_least_twenty(world):
    folder = world.settings.task
    lines = [
        f'{{"text": "yes 0.9 {n}", "label": "yes", "language": "{code}"}}'
        for n in range(20)
        for code in ("en", "de")
    ]
    (folder / "golden.jsonl").write_text("\n".join(lines))
    assert len(golden_rows(load_task(folder))) == 40
    (folder / "golden.jsonl").write_text("\n".join(lines[:-1]))
    with pytest.raises(InputError, match="19 rows in `de`"):
        golden_rows(load_task(folder))
    (folder / "golden.jsonl").write_text("\n".join([*lines, lines[0].replace('"yes"', '"perhaps"')]))
    with pytest.raises(InputError, match=r"golden\.jsonl:41"):
        golden_rows(load_task(folder))


def test_the_answers_are_no_records_of_users(world):
    golden(world.settings, ["decoder"])

    async def count() -> int:
        from signalbox.store import open_store

        async with open_store(world.settings.store_url) as store:
            return len(await store.records(source="user"))

    assert asyncio.run(count()) == 0
