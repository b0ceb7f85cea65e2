"""`signalbox demo`: the whole loop on this machine, each step timed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType

from rich.console import Console
from rich.table import Table

from local import provision, stack
from local.processes import Service, Supervisor, check_port
from signalbox import client, thresholds
from signalbox.artifacts import gguf_file
from signalbox.contracts.record import ModelRelease
from signalbox.errors import SetupError
from signalbox.models.factory import make_client
from signalbox.settings import Settings
from signalbox.show_prediction import print_prediction
from signalbox.tasks import Task, load_task

# What the demo asks; neither sentence is in the task's data.
SENTENCES = {
    "en": (
        "The requested walking frame is necessary to keep the insured person mobile.",
        "A medical reason for the requested walking frame cannot be found in the file.",
    ),
    "de": (
        "Die beantragte Gehhilfe ist notwendig, um die Mobilität zu erhalten.",
        "Ein medizinischer Grund für die beantragte Gehhilfe ist den Akten nicht zu entnehmen.",
    ),
}


@dataclass
class Clock:
    """Where the time went."""

    console: Console
    started: float = field(default_factory=time.monotonic)
    steps: list[tuple[str, float]] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step and say what is going on."""
        self.console.print(f"· {name}")
        began = time.monotonic()
        yield
        self.steps.append((name, time.monotonic() - began))

    def table(self) -> Table:
        """All steps."""
        table = Table("step", "seconds", title="Where the time went")
        for name, seconds in self.steps:
            table.add_row(name, f"{seconds:.1f}")
        table.add_row("all", f"{time.monotonic() - self.started:.1f}")
        return table


def demo(settings: Settings, console: Console, *, interactive: bool) -> None:
    """Train, serve, assess, evaluate, compare; then stay up until Ctrl-C when `interactive`."""
    with terminated_as_interrupt(), Supervisor(settings.logs_dir) as supervisor:
        _run(settings, console, Clock(console), supervisor)  # an interrupt in here is no success
        if interactive:
            console.print("\nEverything is up. Ctrl-C stops all of it.")
            _wait_for_interrupt(supervisor, console)
    console.print("Stopped.")


def serve(settings: Settings, console: Console) -> None:
    """Start everything that is trained, and stay up until Ctrl-C."""
    with terminated_as_interrupt(), Supervisor(settings.logs_dir) as supervisor:
        _start(settings, console, Clock(console), supervisor)
        addresses(settings, console)
        _wait_for_interrupt(supervisor, console)


def wait(supervisor: Supervisor) -> None:
    """Sleep; SetupError when a server stops by itself."""
    while True:
        supervisor.check()
        time.sleep(1)


def _wait_for_interrupt(supervisor: Supervisor, console: Console) -> None:
    try:
        wait(supervisor)
    except KeyboardInterrupt:
        console.print("\n· stopping")


@contextlib.contextmanager
def terminated_as_interrupt() -> Iterator[None]:
    """SIGTERM stops as Ctrl-C does, so that every child is stopped too."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def addresses(settings: Settings, console: Console) -> None:
    """Where everything is."""
    table = Table("what", "where", title="Addresses")
    table.add_row("page", f"{settings.assessor_base_url}/")
    table.add_row("API", f"{settings.assessor_base_url}/docs")
    table.add_row("metrics", f"{settings.assessor_base_url}/metrics")
    table.add_row("MLflow", settings.mlflow_base_url)
    table.add_row("encoder", settings.encoder_base_url)
    table.add_row("decoder", settings.decoder_base_url)
    table.add_row("logs", str(settings.logs_dir.resolve()))
    console.print(table)


def _run(settings: Settings, console: Console, clock: Clock, supervisor: Supervisor) -> None:
    from pipelines.compare.job import compare
    from pipelines.compare.table import show
    from pipelines.evaluate.job import evaluate

    _start(settings, console, clock, supervisor)
    with clock.step("assess a few sentences"):
        _assess(settings, console)
    console.print(f"  first answer {time.monotonic() - clock.started:.1f} s after the start")
    with clock.step("wait for MLflow"):
        supervisor.check()
        _wait_for_mlflow(settings, supervisor)
    with clock.step("evaluate on the test split"):
        evaluations = evaluate(settings, console=console)
    with clock.step("compare"):
        show(compare(settings, evaluations), console)
    console.print(clock.table())
    addresses(settings, console)


def _start(settings: Settings, console: Console, clock: Clock, supervisor: Supervisor) -> None:
    """MLflow takes longest, so it starts first and loads while the others do."""
    tracking = stack.mlflow(settings)
    assessor = stack.assessor(settings)
    _check_ports(settings, tracking, assessor)
    if tracking:
        supervisor.start(tracking)
    with clock.step("llama-server and model"):
        decoder = _decoder(settings, console)
    if decoder:
        supervisor.start(decoder)
    if not settings.encoder_url and not (settings.releases_dir / "current").exists():
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
    if not _calibrated(settings):
        with clock.step("calibrate the decoder"):
            _wait(supervisor, tracking)
            _calibrate(settings, console)


def _check_ports(settings: Settings, *services: Service | None) -> None:
    """All ports first: a taken one is said before minutes of work, not after."""
    for service in services:
        if service:
            check_port(service)
    if not settings.decoder_url:
        check_port(Service("decoder", (), settings.host, settings.decoder_port, "", "SIGNALBOX_DECODER_PORT"))
    if not settings.encoder_url:
        check_port(Service("encoder", (), settings.host, settings.encoder_port, "", "SIGNALBOX_ENCODER_PORT"))


def _decoder(settings: Settings, console: Console) -> Service | None:
    if settings.decoder_url:
        return None
    model = gguf_file(settings.decoder_model)
    return stack.decoder(settings, provision.llama_server(settings.cache_dir, console), model)


def _train(settings: Settings, console: Console) -> None:
    from pipelines.train.job import train

    trained = train(settings)
    for score in trained.scores:
        mark = "→" if score.candidate == trained.candidate else " "
        console.print(
            f"  {mark} {score.candidate.name}: cross-validated log loss {score.log_loss:.3f}, "
            f"accuracy {score.accuracy:.2f} on {trained.rows} rows"
        )


def _calibrated(settings: Settings) -> bool:
    if settings.decoder_url:
        return True  # a server elsewhere is calibrated on demand: `signalbox calibrate`
    task = load_task(settings.task)
    release = asyncio.run(_served_release(settings, task))
    return thresholds.load(settings.thresholds_dir, task.name, release) is not None


async def _served_release(settings: Settings, task: Task) -> ModelRelease:
    """As the server names it, because calibration and assessor know it by that."""
    client = make_client(settings, task, "decoder")
    try:
        return await client.release()
    finally:
        await client.close()


def _calibrate(settings: Settings, console: Console) -> None:
    """A decoder that cannot be calibrated is shown all the same: its answers say so themselves."""
    from pipelines.calibrate.job import calibrate

    try:
        calibrate(settings, "decoder")
    except SetupError as error:
        console.print(f"  {error} Its answers are shown as uncalibrated.", markup=False, highlight=False)


def _assess(settings: Settings, console: Console) -> None:
    languages = load_task(settings.task).languages
    for language, texts in SENTENCES.items():
        if language in languages:
            for model in ("encoder", "decoder"):
                for text, prediction in zip(
                    texts, client.assess(settings, list(texts), language, model), strict=True
                ):
                    print_prediction(console, text, prediction)


def _wait_for_mlflow(settings: Settings, supervisor: Supervisor) -> None:
    """It loads while the first answers are given; training and calibration wait for it earlier."""
    if service := stack.mlflow(settings):
        supervisor.wait_ready(service)


def _wait(supervisor: Supervisor, service: Service | None) -> None:
    if service:
        supervisor.wait_ready(service)
