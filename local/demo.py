"""`signalbox demo`: the whole loop on this machine, each step timed."""

from __future__ import annotations

import time

from rich.console import Console
from rich.table import Table

from local.clock import Clock
from local.processes import Supervisor
from local.startup import start, wait_for_mlflow
from signalbox import assessor_client
from signalbox.serving.signals import terminated_as_interrupt
from signalbox.settings import Settings
from signalbox.show_prediction import print_prediction
from signalbox.tasks import Task, evaluation_rows, load_task

# As many labels per language: a decoder on a CPU needs seconds for each text.
_EXAMPLE_LABELS = 3


def demo(settings: Settings, console: Console, *, interactive: bool) -> None:
    """Train, serve, assess, evaluate, compare; then keep running until Ctrl-C when `interactive`."""
    with terminated_as_interrupt(), Supervisor(settings.logs_dir) as supervisor:
        _run(settings, console, Clock(console), supervisor)  # an interrupt in here is no success
        if interactive:
            console.print("\nAll services are running. Press Ctrl-C to stop them.")
            _wait_for_interrupt(supervisor, console)
    console.print("Stopped.")


def serve(settings: Settings, console: Console) -> None:
    """Start all services, and keep running until Ctrl-C."""
    with terminated_as_interrupt(), Supervisor(settings.logs_dir) as supervisor:
        start(settings, console, Clock(console), supervisor)
        addresses(settings, console)
        _wait_for_interrupt(supervisor, console)


def watch(supervisor: Supervisor) -> None:
    """Block until a server stops, which is a SetupError."""
    while True:
        supervisor.check()
        time.sleep(1)


def addresses(settings: Settings, console: Console) -> None:
    """Print the URL of each service, and the folder of logs."""
    table = Table("service", "address", title="Addresses")
    table.add_row("web page", f"{settings.assessor_base_url}/")
    table.add_row("API", f"{settings.assessor_base_url}/docs")
    table.add_row("metrics", f"{settings.assessor_base_url}/metrics")
    table.add_row("MLflow", settings.mlflow_base_url)
    urls = {"encoder": settings.encoder_base_url, "decoder": settings.decoder_base_url}
    for model in settings.models:
        table.add_row(model, urls[model])
    table.add_row("logs", str(settings.logs_dir.resolve()))
    console.print(table)


def _run(settings: Settings, console: Console, clock: Clock, supervisor: Supervisor) -> None:
    from pipelines.compare.job import compare
    from pipelines.compare.table import show
    from pipelines.evaluate.job import evaluate

    start(settings, console, clock, supervisor)
    with clock.step("assess a few sentences"):
        _assess(settings, console)
    console.print(f"  first answers after {clock.seconds:.1f} s")
    with clock.step("wait for MLflow"):  # it loads while the first answers are given
        supervisor.check()
        wait_for_mlflow(settings, supervisor)
    with clock.step("evaluate on the test split"):
        evaluations = evaluate(settings, console=console)
    with clock.step("compare"):
        show(compare(settings, evaluations), console)
    console.print(clock.table())
    addresses(settings, console)


def examples(task: Task) -> dict[str, list[str]]:
    """For each language a text of the test split of each of the first labels: no model has learned from it."""
    rows = evaluation_rows(task)
    first = {
        (language, label): next(
            (row.text for row in rows if (row.language, row.label) == (language, label)), None
        )
        for language in task.languages
        for label in task.names[:_EXAMPLE_LABELS]
    }
    return {
        language: [text for (code, _), text in first.items() if code == language and text is not None]
        for language in task.languages
    }


def _assess(settings: Settings, console: Console) -> None:
    """As an evaluation: feedback to a text of the test split must not become training data."""
    for language, texts in examples(load_task(settings.task)).items():
        for model in settings.models if texts else ():
            predictions = assessor_client.assess(settings, texts, language, model, source="evaluation")
            for text, prediction in zip(texts, predictions, strict=True):
                print_prediction(console, text, prediction)


def _wait_for_interrupt(supervisor: Supervisor, console: Console) -> None:
    try:
        watch(supervisor)
    except KeyboardInterrupt:
        console.print("\n· stopping")
