"""The local stack with one model, and its wait for models behind the real assessor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import stub_upstream
from local import demo, stack
from local.clock import Clock
from local.processes import Supervisor
from local.startup import start
from local.upstreams import wait_for_models
from signalbox import assessor_client as client
from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings
from tests.helpers import free_port
from tests.services.assessor.page_app import TASK, serving
from tests.services.assessor.test_readiness import encoder_app

APPS: dict[str, Any] = {"encoder": encoder_app, "decoder": stub_upstream.app}


def settings_with(tmp_path: Path, model: str, port: int) -> Settings:
    """One model, elsewhere at `port`; the other one is disabled, and MLflow is elsewhere."""
    return Settings(
        task=TASK,
        state_dir=tmp_path,
        assessor_port=free_port(),
        mlflow_url="http://127.0.0.1:9",
        encoder_url=f"http://127.0.0.1:{port}",
        decoder_url=f"http://127.0.0.1:{port}/v1",
        decoder_model="stub",
        encoder_enabled=model == "encoder",
        decoder_enabled=model == "decoder",
    )


@pytest.mark.parametrize("model", ["encoder", "decoder"])
def test_the_stack_starts_with_one_model_and_offers_its_route(tmp_path: Path, model: str) -> None:
    port, console = free_port(), Console(record=True, width=200)
    settings = settings_with(tmp_path, model, port)
    with serving(APPS[model], port), Supervisor(settings.logs_dir) as supervisor:
        start(settings, console, Clock(console), supervisor)
        (prediction,) = client.assess(settings, ["The aid is indicated."], "en", model)
        assert prediction["route"] == model
        with pytest.raises(InputError, match=f"Choose {model}"):
            client.assess(settings, ["The aid is indicated."], "en", "cascade")
        demo.addresses(settings, console)
    text = console.export_text()
    assert f" {model} " in text
    assert f" {({'encoder', 'decoder'} - {model}).pop()} " not in text.partition("Addresses")[2]


@pytest.mark.parametrize("model", ["encoder", "decoder"])
def test_a_model_that_does_not_answer_is_named_with_its_url(tmp_path: Path, model: str) -> None:
    settings = settings_with(tmp_path, model, free_port())
    with Supervisor(settings.logs_dir) as supervisor:
        service = stack.assessor(settings)
        supervisor.start(service)
        supervisor.wait_ready(service)
        with pytest.raises(SetupError) as error:
            wait_for_models(settings, supervisor, seconds=0.5)
    url = getattr(settings, f"{model}_base_url")
    assert error.value.message == f"No answer from the {model} at {url} within 0.5 s."
    assert "SIGNALBOX_ENCODER_ENABLED" in error.value.hint


def test_what_is_disabled_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "current").write_text("encoder-v1", encoding="utf-8")
    both = Settings(state_dir=tmp_path)
    model = Path("/m.gguf")
    assert (both.starts_encoder, both.starts_decoder, both.models) == (True, True, ("encoder", "decoder"))
    only = Settings(state_dir=tmp_path, encoder_enabled=False)
    assert stack.encoder(only) is None
    assert stack.decoder(only, model) is not None
    only = Settings(state_dir=tmp_path, decoder_enabled=False)
    assert stack.encoder(only) is not None
    assert stack.decoder(only, model) is None
