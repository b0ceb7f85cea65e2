"""Start of the local stack: decoder, MLflow, encoder, decoder, assessor; training and calibration where needed."""

from __future__ import annotations

import asyncio
import json

from rich.console import Console

from local import stack
from local.clock import Clock
from local.monitoring import prometheus
from local.processes import Service, Supervisor, check_port
from local.upstreams import wait_for_models
from signalbox import thresholds
from signalbox.artifacts import current_release, gguf_file
from signalbox.contracts.labels import BINARY
from signalbox.contracts.record import ModelRelease
from signalbox.contracts.routes import ModelName
from signalbox.errors import SetupError
from signalbox.models.factory import make_client
from signalbox.settings import Settings
from signalbox.tasks import Task, load_task


def start(settings: Settings, console: Console, clock: Clock, supervisor: Supervisor) -> None:
    """Start all services and wait until they answer; MLflow may still load. Raises SetupError.

    MLflow needs the longest. Only training waits for it: without training it starts last, out of the way of the others.
    """
    tracking, assessor = stack.mlflow(settings), stack.assessor(settings)
    trains = settings.starts_encoder and not is_trained(settings)
    _check_ports(settings, tracking, assessor)
    if trains:
        _start(supervisor, tracking)
    with clock.step("decoder's file"):
        decoder = _decoder(settings)
    _start(supervisor, decoder)
    _start(supervisor, assessor)
    prometheus.start(settings, supervisor, console)
    if trains:
        with clock.step("train the encoder"):  # MLflow loads meanwhile
            train_encoder(settings, console, supervisor)
    encoder = stack.encoder(settings)
    _start(supervisor, encoder)
    with clock.step("start the servers"):
        for service in (decoder, assessor, encoder):
            _wait(supervisor, service)
        wait_for_models(settings, supervisor)
    if not trains:
        _start(supervisor, tracking)


def calibrate_decoder(settings: Settings, console: Console, clock: Clock, supervisor: Supervisor) -> None:
    """Fit the thresholds of the local decoder where its release has none. Raises SetupError."""
    if is_calibrated(settings):
        return
    with clock.step("wait for MLflow"):
        wait_for_mlflow(settings, supervisor)
    with clock.step("calibrate the decoder"):
        _calibrate(settings, console)


def serve_new_release(settings: Settings, supervisor: Supervisor) -> None:
    """Serve the newest release of the encoder where the local stack serves it. Raises SetupError."""
    if encoder := stack.encoder(settings):
        supervisor.restart(encoder)
        wait_for_models(settings, supervisor)


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
    """Whether thresholds exist for the release that the decoder serves, also after the encoder's in the cascade.

    The releases are those that the servers name, because calibration and assessor know them by that. A decoder elsewhere
    counts as calibrated: `signalbox calibrate` does it on demand.
    """
    if not settings.starts_decoder:
        return True
    task, folder = load_task(settings.task), settings.thresholds_dir
    release = asyncio.run(_release(settings, task, "decoder"))
    if thresholds.load(folder, task.name, release) is None:
        return False
    if not settings.starts_encoder:
        return True
    earlier = [asyncio.run(_release(settings, task, "encoder"))]
    return thresholds.load(folder, task.name, release, route="cascade", earlier=earlier) is not None


def _check_ports(settings: Settings, *services: Service | None) -> None:
    """All ports first: one that is in use is an error before minutes of work, not after."""
    for service in services:
        if service:
            check_port(service)
    if settings.starts_decoder:
        check_port(Service("decoder", (), settings.host, settings.decoder_port, "", "SIGNALBOX_DECODER_PORT"))
    if settings.starts_encoder:
        check_port(Service("encoder", (), settings.host, settings.encoder_port, "", "SIGNALBOX_ENCODER_PORT"))


def _decoder(settings: Settings) -> Service | None:
    if not settings.starts_decoder:
        return None
    model = gguf_file(settings.decoder_model, settings)
    return stack.decoder(settings, model, len(load_task(settings.task).languages))


async def _release(settings: Settings, task: Task, model: ModelName) -> ModelRelease:
    client = make_client(settings, task, model)
    try:
        return await client.release()
    finally:
        await client.close()


def train_encoder(settings: Settings, console: Console, supervisor: Supervisor) -> None:
    """Train a release, register it, and print its scores. Raises InputError and SetupError.

    It learns from the few-shot split and the ground truth so far. The pool split stands for labels that people have yet
    to give.
    """
    from pipelines.train.job import train
    from pipelines.train.report import show

    show(train(settings, pool=0, before_log=lambda: wait_for_mlflow(settings, supervisor)), console)


def _calibrate(settings: Settings, console: Console) -> None:
    """A decoder that cannot be calibrated is no failure: its answers are marked as uncalibrated.

    A new release of the encoder changes which texts reach it, not its answers, so these are reused.
    """
    from pipelines.calibrate.job import calibrate

    try:
        calibrate(settings, "decoder", console=console, reuse=True)
    except SetupError as error:
        text = f"  {error.message} Its answers are shown as uncalibrated."
        console.print(text, markup=False, highlight=False)


def _start(supervisor: Supervisor, service: Service | None) -> None:
    if service:
        supervisor.start(service)


def _wait(supervisor: Supervisor, service: Service | None) -> None:
    if service:
        supervisor.wait_ready(service)
