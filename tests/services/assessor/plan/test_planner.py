"""The planner's process: one at a time, with a time limit, a cache, and no setting of the assessor."""

import asyncio
import os
import sys
import time

import pytest

from services.assessor.plan.planner import Planner, PlannerUnavailable

# Programs in place of the planner: each reads its question and says what it did.
STARTED = "import json,os,sys,time; json.load(sys.stdin); print(json.dumps({'pid': os.getpid(), 'at': time.monotonic()}))"
VARIABLES = "import json,os,sys; json.load(sys.stdin); print(json.dumps(dict(os.environ)))"
SLEEPS = "import sys,time; open(sys.argv[1], 'w').write(str(__import__('os').getpid())); time.sleep(600)"
FAILS = "import sys; sys.exit('no catalogue')"


def planner(code: str, *arguments: str, seconds: float = 120) -> Planner:
    return Planner(seconds, (sys.executable, "-c", code, *arguments))


async def test_the_same_question_is_computed_once():
    one = planner(STARTED)
    first = await asyncio.gather(
        one.answer({"request": {"model": "a"}}), one.answer({"request": {"model": "a"}})
    )
    assert first[0] == first[1] == await one.answer({"request": {"model": "a"}})
    assert await one.answer({"request": {"model": "b"}}) != first[0]


async def test_a_process_over_the_time_limit_is_ended(tmp_path):
    file = tmp_path / "pid"
    one = planner(SLEEPS, str(file), seconds=20)
    start = time.monotonic()
    with pytest.raises(PlannerUnavailable, match="plan_slow"):
        await one.answer({})
    assert time.monotonic() - start < 300
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


async def test_more_than_eight_questions_do_not_wait(tmp_path):
    one = planner(SLEEPS, str(tmp_path / "pid"))
    waiting = [asyncio.create_task(one.answer({"request": {"model": str(i)}})) for i in range(8)]
    await asyncio.sleep(0)
    with pytest.raises(PlannerUnavailable, match="plan_busy"):
        await one.answer({"request": {"model": "more"}})
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_failure_is_logged_and_not_kept(caplog):
    one = planner(FAILS)
    for _ in range(2):
        with pytest.raises(PlannerUnavailable, match="plan_failed"):
            await one.answer({})
    assert [record.cause.strip() for record in caplog.records] == ["no catalogue"] * 2


async def test_the_process_has_no_setting_of_the_assessor(monkeypatch):
    monkeypatch.setenv("SIGNALBOX_DECODER_API_KEY", "secret")
    variables = await planner(VARIABLES).answer({})
    assert "secret" not in variables.values()
    assert variables["HF_HUB_OFFLINE"] == "1"
