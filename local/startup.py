"""Start of the local stack: llama-server, MLflow, encoder, decoder, assessor; training and calibration where needed."""

from __future__ import annotations

import asyncio
import json

from rich.console import Console

from local import provision, stack
from local.clock import Clock
from local.processes import Service, Supervisor, check_port
from local.upstreams import wait_for_models
from signalbox import thresholds
from signalbox.artifacts import current_release, gguf_file
from signalbox.contracts.labels import BINARY
from signalbox.contracts.record import ModelRelease
from signalbox.errors import SetupError
from signalbox.models.factory import make_client
from signalbox.settings import Settings
from signalbox.tasks import Task, load_task


def start(settings: Settings, console: Console, clock: Clock, supervisor: Supervisor) -> None:
    """Start all services and wait until they are ready. Raises SetupError.

    MLflow needs the longest, so it starts first and loads while the others do.
    """
    tracking, assessor = stack.mlflow(settings), stack.assessor(settings)
    _check_ports(settings, tracking, assessor)
    if tracking:
        supervisor.start(tracking)
    with clock.step("llama-server and model"):
        decoder = _decoder(settings, console)
    if decoder:
        supervisor.start(decoder)
    if settings.starts_encoder and not is_trained(settings):
        with clock.step("wait for MLflow"):
            _wait(supervisor, tracking)
        with clock.step("train the encoder"):
            _train(settings, console)
    encoder = stack.encoder(settings)
    if encoder:
        supervisor.start(encoder)
    with clock.step("start the servers"):
        _wait(supervisor, encoder)
        _wait(supervisor, decoder)
        supervisor.start(assessor)
        supervisor.wait_ready(assessor)
        wait_for_models(settings, supervisor)
    if not is_calibrated(settings):
        with clock.step("calibrate the decoder"):
            _wait(supervisor, tracking)
            _calibrate(settings, console)


def wait_for_mlflow(settings: Settings, supervisor: Supervisor) -> None:
    """Return when MLflow is ready; at once where it runs elsewhere."""
    _wait(supervisor, stack.mlflow(settings))


def is_trained(settings: Settings) -> bool:
    """Whether the newest release is one of this task, with the labels that it has today.

    A release of another task in the same folder, or of fewer labels, would answer none of the texts.
    """
    try:
        description = json.loads((current_release(settings) / "release.json").read_text(encoding="utf-8"))
    except (SetupError, OSError, ValueError):
        return False
    if not isinstance(description, dict):
        return False
    task = load_task(settings.task)
    labels = description.get("labels", BINARY)  # the first version did not write them
    return description.get("task") == task.name and {task.current(label) for label in labels} == set(
        task.names
    )


def is_calibrated(settings: Settings) -> bool:
    """Whether thresholds exist for the release that the decoder serves.

    The release is the one that the server names, because calibration and assessor know it by that. A decoder elsewhere
    counts as calibrated: `signalbox calibrate` does it on demand.
    """
    if not settings.starts_decoder:
        return True
    task = load_task(settings.task)
    release = asyncio.run(_decoder_release(settings, task))
    return thresholds.load(settings.thresholds_dir, task.name, release) is not None


def _check_ports(settings: Settings, *services: Service | None) -> None:
    """All ports first: one that is in use is an error before minutes of work, not after."""
    for service in services:
        if service:
            check_port(service)
    if settings.starts_decoder:
        check_port(Service("decoder", (), settings.host, settings.decoder_port, "", "SIGNALBOX_DECODER_PORT"))
    if settings.starts_encoder:
        check_port(Service("encoder", (), settings.host, settings.encoder_port, "", "SIGNALBOX_ENCODER_PORT"))


def _decoder(settings: Settings, console: Console) -> Service | None:
    if not settings.starts_decoder:
        return None
    model = gguf_file(settings.decoder_model, settings)
    return stack.decoder(settings, provision.llama_server(settings.cache_dir, console), model)


async def _decoder_release(settings: Settings, task: Task) -> ModelRelease:
    client = make_client(settings, task, "decoder")
    try:
        return await client.release()
    finally:
        await client.close()


def _train(settings: Settings, console: Console) -> None:
    from pipelines.train.job import train
    from pipelines.train.report import show

    show(train(settings), console)


def _calibrate(settings: Settings, console: Console) -> None:
    """A decoder that cannot be calibrated is no failure: its answers are marked as uncalibrated."""
    from pipelines.calibrate.job import calibrate

    try:
        calibrate(settings, "decoder", console=console)
    except SetupError as error:
        text = f"  {error.message} Its answers are shown as uncalibrated."
        console.print(text, markup=False, highlight=False)


def _wait(supervisor: Supervisor, service: Service | None) -> None:
    if service:
        supervisor.wait_ready(service)
