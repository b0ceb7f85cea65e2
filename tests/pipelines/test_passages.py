"""Passages of a row reach the models that read them, in each job, as the assessor sends them."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from pipelines.calibrate.job import query_all
from pipelines.compare.rows import row_key
from pipelines.evaluate.queries import _assess
from pipelines.passages import as_read_by, passages_of
from signalbox.contracts.labels import YES, yes_no
from signalbox.contracts.record import LabeledText
from signalbox.models.base import Answer
from signalbox.settings import Settings
from tests.helpers import RELEASE

PLAIN = LabeledText(id="1", text="A text.", label="yes", language="en", family="f", split="calibration")
ROW = PLAIN.model_copy(update={"id": "2", "context": ("Rule one.", "Rule two.")})


def test_a_decoder_reads_the_passages_of_a_row_and_an_encoder_none():
    assert passages_of(as_read_by("decoder", ROW)) == (ROW.context,)
    assert passages_of(as_read_by("encoder", ROW)) == ()
    assert passages_of(PLAIN) == ()


def test_an_answer_depends_on_the_passages_and_old_keys_stay():
    assert row_key(PLAIN) == "cc611d8954a6538a"
    assert row_key(ROW) not in (row_key(PLAIN), row_key(ROW.model_copy(update={"context": ("Rule one.",)})))


def test_calibration_queries_with_the_passages():
    calls = []

    async def verdict(text, language, context=()):
        calls.append((text, language, context))
        return Answer(release=RELEASE, stated=YES, probabilities=yes_no(0.9), latency_seconds=0)

    asyncio.run(query_all(verdict, [PLAIN, ROW]))
    assert calls == [("A text.", "en", ()), ("A text.", "en", ROW.context)]


@pytest.mark.parametrize(
    ("route", "sent"), [("decoder", list(ROW.context)), ("cascade", None), ("encoder", None)]
)
def test_an_evaluation_sends_them_where_the_route_reads_them(route, sent, monkeypatch):
    bodies = []

    class Response:
        status = 200

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            pass

        async def json(self):
            return {"predictions": [{"id": "p"}]}

    monkeypatch.setattr(
        aiohttp.ClientSession, "post", lambda _self, _url, json, headers: bodies.append(json) or Response()
    )

    async def send():
        async with aiohttp.ClientSession() as session:
            await _assess(Settings(task=Path("tasks/medical")), session, route, ROW, False)

    asyncio.run(send())
    assert bodies[0].get("context") == sent
