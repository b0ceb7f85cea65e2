"""The engine from the wheel: an answer does not depend on what the server computed before, and failures say why."""

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import stack
from local.processes import Service, Supervisor
from signalbox.artifacts import gguf_file
from signalbox.errors import SetupError
from signalbox.models.decoder import DecoderClient
from signalbox.models.factory import make_decoder
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task
from tests.helpers import free_port

TASK = Path("tasks/medical")


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """One thread: with more, a single token of a long prompt is computed in another way (docs/log.md)."""
    folder, port = tmp_path_factory.mktemp("engine"), free_port()
    return Settings(task=TASK, state_dir=folder, decoder_port=port, decoder_threads=1, decoder_concurrency=2)


@pytest.fixture(scope="module")
def engine(settings) -> Iterator[Service]:
    service = stack.decoder(settings, gguf_file(settings.decoder_model))
    assert service is not None
    with Supervisor(settings.logs_dir) as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield service


def rows(language: str, count: int = 3) -> list[tuple[str, str]]:
    data = [row for row in load_data(load_task(TASK), "calibration") if row.language == language]
    return [(row.text, language) for row in data[:count]]


async def probabilities(client: DecoderClient, questions: list[tuple[str, str]]) -> dict[str, float | None]:
    return {text: (await client.answer(text, language)).p_yes for text, language in questions}


async def concurrently(client: DecoderClient, questions: list[tuple[str, str]]) -> dict[str, float | None]:
    answers = await asyncio.gather(*(client.answer(text, language) for text, language in questions))
    return {text: answer.p_yes for (text, _), answer in zip(questions, answers, strict=True)}


@pytest.mark.slow
async def test_an_answer_does_not_depend_on_the_order_or_on_the_cache(settings, engine):
    """Large batches, two requests at once, and a whole prompt in the cache each moved p(yes) by up to .09."""
    english, german = rows("en"), rows("de")
    repeated = [question for question in english for _ in range(2)]
    mixed = [question for pair in zip(english, german, strict=True) for question in pair]
    client = make_decoder(settings, load_task(TASK))
    try:
        first = await probabilities(client, english + german)
        assert None not in first.values()
        assert await probabilities(client, (english + german)[::-1]) == first
        assert (await probabilities(client, repeated)).items() <= first.items()
        assert await concurrently(client, mixed) == first
    finally:
        await client.close()


@pytest.mark.slow
async def test_the_prompt_of_each_language_stays_in_its_slot(settings, engine):
    client = make_decoder(settings, load_task(TASK))
    questions = [question for pair in zip(rows("en"), rows("de"), strict=True) for question in pair]
    try:
        await probabilities(client, questions)  # alternately
        before = metrics(engine)
        await probabilities(client, questions)
        after = metrics(engine)
        whole = [len(turn["content"]) for turn in load_task(TASK).messages("", "en")]
    finally:
        await client.close()
    computed = after["llamacpp:prompt_tokens_total"] - before["llamacpp:prompt_tokens_total"]
    assert (
        computed / len(questions) < sum(whole) / 8
    )  # characters of the prompt; a token has fewer than eight


def metrics(engine: Service) -> dict[str, float]:
    with urllib.request.urlopen(f"{engine.url}/metrics") as response:
        lines = response.read().decode().splitlines()
    return {
        name: float(value) for name, value in (line.split() for line in lines if not line.startswith("#"))
    }


@pytest.mark.slow
async def test_the_release_names_file_engine_and_quantization(settings, engine):
    client = make_decoder(settings, load_task(TASK))
    try:
        release = await client.release()
    finally:
        await client.close()
    assert (release.name, release.engine, release.quantization) == (
        "SmolLM2-135M-Instruct",
        "llama.cpp",
        "Q4_1",
    )
    assert release.revision.startswith("sha256:")


@pytest.mark.slow
def test_a_file_that_is_no_model_is_an_error_with_its_cause(tmp_path):
    model = tmp_path / "broken.gguf"
    model.write_bytes(b"no model")
    service = stack.decoder(Settings(decoder_port=free_port()), model)
    assert service is not None
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(service)
        with pytest.raises(SetupError, match=r"decoder stopped with status 1[\s\S]*broken.gguf"):
            supervisor.wait_ready(service)


def test_an_unknown_flag_is_rejected():
    command = [sys.executable, "-m", "local.engine", "--model", "x.gguf", "--tls"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert "--tls" in process.stderr
