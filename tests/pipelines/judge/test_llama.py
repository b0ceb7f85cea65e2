"""The judge on the real llama-server: its constraint is obeyed, and its probabilities are found."""

import asyncio
from collections.abc import Iterator

import pytest

from pipelines.judge.client import JudgeClient, prompt_for
from pipelines.judge.criteria import calls, load_criteria
from signalbox.contracts.labels import YES
from signalbox.settings import Settings
from signalbox.tasks import Task, load_task
from tests.helpers import free_port, record
from tests.signalbox.models.conftest import Server, start_llama, stop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for the tests of this file."""
    llama = start_llama(free_port())
    yield llama
    stop(llama.process)


@pytest.fixture
def task() -> Task:
    """The task of the repository."""
    return load_task(Settings().task)


def scores_of(server, task, per_call, language="en"):
    answer = record(
        "The indication for the aid is confirmed." if language == "en" else "Die Indikation wird bestätigt.",
        language=language,
        verdict=YES,
        justification="The indication is confirmed.",
    )

    async def query():
        client = JudgeClient(server.url, model="")
        try:
            scores = []
            for criteria in calls(load_criteria(task), per_call, labeled=True):
                scores += await client.scores(prompt_for(task, answer, criteria, "yes"), len(criteria))
            return scores, await client.release()
        finally:
            await client.close()

    return asyncio.run(query())


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("per_call", [6, 1])
def test_every_question_gets_a_score_with_its_mass(server, task, per_call, language):
    scores, release = scores_of(server, task, per_call, language)
    assert len(scores) == len(load_criteria(task))
    assert [score.reason for score in scores] == [None] * len(scores)
    # The server gives probabilities before the grammar, so the mass shows the model's own preference.
    assert all(0.0 <= score.p_yes <= 1.0 and 0.0 < score.verdict_mass <= 1.0 for score in scores)
    assert (release.engine, release.quantization) == ("llama.cpp", "Q4_1")
    assert release.revision.startswith("sha256:")


def test_the_same_question_gets_the_same_score(server, task):
    first, _ = scores_of(server, task, 6)
    second, _ = scores_of(server, task, 6)
    assert [s.p_yes for s in first] == pytest.approx([s.p_yes for s in second], abs=0.02)
