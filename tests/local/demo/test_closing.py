"""The end of the demo over a real assessor; its encoder is a stand-in that is right, or wrong, as a table says."""

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from local.clock import Clock
from local.demo import certification, closing, green
from local.demo.stream import Stream
from services.assessor.app import create_app
from signalbox import thresholds
from signalbox.certificate.folder import certificate_files
from signalbox.contracts.labels import yes_no
from signalbox.models.base import Answer
from signalbox.settings import Settings
from signalbox.tasks import Task, load_task
from tests.helpers import free_port
from tests.services.assessor.page_app import CUTS, ENCODER, TableClient, serving

TASK = load_task(Path("tasks/medical"))


class Knowing(TableClient):
    """Stand-in for an encoder: it knows the stream, and is wrong where it is not sure with the chance `error`."""

    def __init__(self, stream: Stream, error: Callable[[float], float]) -> None:
        super().__init__(ENCODER, reasons=False)
        self._stream, self._error, self._random = stream, error, random.Random(1)

    async def answer(self, text, language, context=()):
        sure = self._random.random()
        label = self._stream.labels.get(text, "no")
        is_yes = (label == "yes") != (self._random.random() < self._error(sure))
        p = 0.5 + 0.49 * sure if is_yes else 0.5 - 0.49 * sure
        return Answer(
            release=ENCODER, stated="yes" if is_yes else "no", probabilities=yes_no(p), latency_seconds=0
        )

    async def answer_many(self, texts, language):
        return [await self.answer(text, language) for text in texts]


@pytest.fixture
def settings(tmp_path) -> Settings:
    thresholds.save(
        tmp_path / "thresholds",
        thresholds.ThresholdFile(task="medical", release=ENCODER, languages={"en": CUTS, "de": CUTS}),
    )
    return Settings(task=TASK.folder, state_dir=tmp_path, assessor_port=free_port(), decoder_enabled=False)


def closed(settings, error, task: Task = TASK) -> str:
    stream, text = Stream(task), io.StringIO()
    console = Console(file=text, width=200)
    app = create_app(settings, clients={"encoder": Knowing(stream, error)})
    with serving(app, settings.assessor_port):
        closing.close(settings, task, stream, "encoder", console, Clock(console))
    return text.getvalue()


def test_a_good_model_earns_certificates_and_its_green_answers_keep_the_promise(settings):
    output = closed(settings, lambda sure: 0.02 if sure > 0.3 else 0.3)
    assert "a scripted reviewer answers the queue" in output
    assert "The first certificate was in reach after" in output
    assert certificate_files(settings.certificates_dir)
    rows = [line for line in output.splitlines() if "new texts of users" in line]
    assert len(rows) == 2
    assert not all("nothing is green" in row for row in rows)
    assert "suspend: the texts changed, as the drift job says" in output
    assert "a text that was green is now yellow; the page says:" in output


def test_a_model_that_guesses_earns_none_and_the_demo_says_after_how_many_labels(settings):
    output = closed(settings, lambda sure: 0.5)
    assert "No certificate: the scripted reviewer gave up after" in output
    assert "labels are wrong among the surest" in output
    assert not certificate_files(settings.certificates_dir)
    assert output.count("nothing is green") == 4
    assert "have nothing to take away" in output


def test_a_task_without_a_stream_says_that_nothing_is_certified(settings):
    output = closed(settings, lambda sure: 0.0, load_task(Path("tasks/tickets")))
    assert "the task has no stream.yaml" in output


def test_green_answers_are_counted_with_their_errors():
    def answer(color, verdict):
        return {"light": {"color": color}, "verdict": verdict}

    rows = Stream(TASK).take("en", 4)
    other = {"yes": "no", "no": "yes"}
    answers = [
        answer("green", rows[0].label),
        answer("green", other[rows[1].label]),
        answer("yellow", other[rows[2].label]),
        answer("red", None),
    ]
    counted = green.figures_of("texts", "en", zip(rows, answers, strict=True), TASK)
    assert counted == green.Green("texts", "en", answers=4, green=2, wrong=1)


def test_the_explanation_names_another_model_where_the_reviewer_gave_up():
    text = io.StringIO()
    certification.explain(certification.Certification(120, None), Console(file=text))
    assert "gave up after 120 labels" in text.getvalue()
    assert "make demo MODEL=" in text.getvalue()
