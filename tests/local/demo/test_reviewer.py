"""The scripted reviewer: labels the pool as a person does, through a real assessor."""

import asyncio
import io
from pathlib import Path

import pytest
from rich.console import Console

from local.demo import reviewer
from services.assessor.app import create_app
from signalbox.errors import SetupError
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_data, load_task
from tests.helpers import free_port
from tests.services.assessor.page_app import DECODER, ENCODER, TableClient, serving

TASK = Path("tasks/medical")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(task=TASK, state_dir=tmp_path, assessor_port=free_port(), max_texts=5)


class Any(TableClient):
    """Answers every text."""

    async def answer(self, text, language):
        return await super().answer("0.7", language)


def ground_truth(settings):
    async def read():
        async with open_store(settings.store_url) as store:
            return await store.ground_truth("medical")

    return {row.text: row.label for row in asyncio.run(read())}


def test_each_text_of_the_pool_gets_its_label_once(settings):
    task, console = load_task(TASK), Console(file=io.StringIO())
    pool = reviewer.unlabeled(settings, task)
    assert {row.id for row in pool} == {row.id for row in load_data(task, "pool")}
    assert [row.language for row in pool] == sorted(row.language for row in pool)
    some = [*pool[:7], *pool[-4:]]  # two languages, two batches of one
    app = create_app(
        settings, clients={"encoder": Any(ENCODER, reasons=False), "decoder": Any(DECODER, reasons=True)}
    )
    with serving(app, settings.assessor_port):
        reviewer.review(settings, some, console)
    assert ground_truth(settings) == {row.text: row.label for row in some}
    assert len(reviewer.unlabeled(settings, task)) == len(pool) - len(some)


def test_progress_is_printed_without_a_terminal_and_a_dead_assessor_is_an_error(settings):
    rows = reviewer.unlabeled(settings, load_task(TASK))[:5]
    text = io.StringIO()
    app = create_app(
        settings, clients={"encoder": Any(ENCODER, reasons=False), "decoder": Any(DECODER, reasons=True)}
    )
    with serving(app, settings.assessor_port):
        reviewer.review(settings, rows, Console(file=text))
    assert "review: 5 of 5" in text.getvalue()
    with pytest.raises(SetupError, match="does not answer"):
        reviewer.review(settings, rows, Console(file=io.StringIO()))


def test_a_task_without_a_pool_has_nothing_to_label(tmp_path):
    settings = Settings(task=Path("tasks/tickets"), state_dir=tmp_path)
    assert reviewer.unlabeled(settings, load_task(settings.task)) == []
