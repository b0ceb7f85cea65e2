"""The real services as processes: llama.cpp with SmolLM2, the KServe encoder, and an assessor for each test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from local import stack
from local.processes import Service, Supervisor
from signalbox.artifacts import gguf_file
from signalbox.settings import Settings
from tests.helpers import free_port
from tests.signalbox.store.conftest import postgres  # noqa: F401 - a fixture

LONG_ANSWER_TOKENS = 200


@dataclass(frozen=True)
class Running:
    """A service that runs, and its process id."""

    service: Service
    pid: int
    log: Path

    @property
    def url(self) -> str:
        """Its base URL."""
        return self.service.url


@contextlib.contextmanager
def running(service: Service, logs_dir: Path) -> Iterator[Running]:
    """Start a service, wait until it is ready, and stop it in the end if it still runs."""
    with Supervisor(logs_dir) as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield Running(service, supervisor.pid(service), supervisor.log_path(service))


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Free ports, a state folder of its own, and a task whose answers are long enough to be interrupted."""
    from pipelines.train.job import train

    folder = tmp_path_factory.mktemp("e2e")
    defaults = Settings()
    chosen = Settings(
        task=long_winded(defaults.task, folder / "medical"),
        state_dir=folder / "run",
        encoder_port=free_port(),
        decoder_port=free_port(),
        assessor_port=free_port(),
        decoder_timeout_seconds=300,  # a busy machine shall not make a red answer of a slow one
    )
    train(defaults.model_copy(update={"state_dir": chosen.state_dir}), track=False)
    return chosen


def long_winded(task: Path, folder: Path) -> Path:
    """A copy of a task that asks for an endless reason."""
    folder.mkdir()
    described = yaml.safe_load((task / "task.yaml").read_text(encoding="utf-8"))
    described["max_answer_tokens"] = LONG_ANSWER_TOKENS
    described["languages"]["en"]["turns"] = [
        {"text": "Say yes and count.", "answer": "Yes. " + ", ".join(str(i) for i in range(1, 60))}
    ]
    (folder / "task.yaml").write_text(yaml.safe_dump(described, allow_unicode=True), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def decoder_service(settings: Settings) -> Service:
    """llama.cpp with the packaged model."""
    service = stack.decoder(settings, gguf_file(settings.decoder_model, settings))
    assert service is not None
    return service


@pytest.fixture(scope="session")
def encoder(settings: Settings) -> Iterator[Running]:
    """The predictor."""
    service = stack.encoder(settings)
    assert service is not None
    with running(service, settings.logs_dir) as predictor:
        yield predictor


@pytest.fixture
def decoder(settings: Settings, decoder_service: Service) -> Iterator[Running]:
    """A decoder that a test may kill."""
    with running(decoder_service, settings.logs_dir) as server:
        yield server
