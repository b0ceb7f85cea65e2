"""`signalbox demo`: the whole loop on this machine, each step timed.

Train on the few-shot labels, serve, answer, evaluate; then a reviewer labels the pool, and the same is measured again. The
reviewer earns a certificate in the queue, and texts of another kind take it away.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from local.clock import Clock
from local.demo import closing, reviewer
from local.demo.stream import Stream
from local.processes import Supervisor, is_answering
from local.startup import (
    calibrate_decoder,
    serve_new_release,
    start,
    train_encoder,
    wait_for_mlflow,
)
from signalbox import assessor_client
from signalbox.contracts.routes import ModelName
from signalbox.serving.signals import terminated_as_interrupt
from signalbox.settings import Settings
from signalbox.show_prediction import print_prediction
from signalbox.tasks import Split, Task, evaluation_rows, load_task

if TYPE_CHECKING:
    from pipelines.evaluate.evaluation import Evaluation

# As many labels per language: a decoder on a CPU needs seconds for each text.
_EXAMPLE_LABELS = 3
# Labels of users' texts per language: with 60 the encoder earns no certificate, with 120 it does (docs/log.md).
_STREAM_LABELS = 120
# What baselines learn: the rows of the task that the encoder has learned in the end.
_LEARNED: tuple[Split, ...] = ("few-shot", "pool")


def demo(
    settings: Settings, console: Console, certified: ModelName = "encoder", *, interactive: bool
) -> None:
    """Train, serve, assess, evaluate, certify, compare; then keep running until Ctrl-C when `interactive`."""
    with terminated_as_interrupt(), Supervisor(settings.logs_dir) as supervisor:
        _run(settings, certified, console, Clock(console), supervisor)  # an interrupt in here is no success
        if interactive:
            console.print("\nAll services are running. Press Ctrl-C to stop them.")
            _wait_for_interrupt(supervisor, console)
    console.print("Stopped.")


def serve(settings: Settings, console: Console) -> None:
    """Start all services, and keep running until Ctrl-C."""
    with terminated_as_interrupt(), Supervisor(settings.logs_dir) as supervisor:
        clock = Clock(console)
        start(settings, console, clock, supervisor)
        calibrate_decoder(settings, console, clock, supervisor)
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
    if is_answering(f"{settings.prometheus_base_url}/-/ready"):
        table.add_row("Prometheus", settings.prometheus_base_url)
    urls = {"encoder": settings.encoder_base_url, "decoder": settings.decoder_base_url}
    for model in settings.models:
        table.add_row(model, urls[model])
    table.add_row("logs", str(settings.logs_dir.resolve()))
    console.print(table)


def _run(
    settings: Settings, certified: ModelName, console: Console, clock: Clock, supervisor: Supervisor
) -> None:
    task = load_task(settings.task)
    start(settings, console, clock, supervisor)
    with clock.step("assess a few sentences"):
        for model in settings.models[:1]:
            _assess(settings, task, model, console)
    console.print(f"  first answers after {clock.seconds:.1f} s")
    # Imports of seconds that the first answers do not need.
    from pipelines.compare.job import Options
    from pipelines.compare.run import Selection, run_evaluations
    from pipelines.evaluate.job import evaluate

    calibrate_decoder(settings, console, clock, supervisor)
    for model in settings.models[1:]:
        with clock.step(f"assess them with the {model}"):
            _assess(settings, task, model, console)
    with clock.step("wait for MLflow"):
        supervisor.check()
        wait_for_mlflow(settings, supervisor)
    with clock.step("evaluate on the test split"):
        evaluations = evaluate(settings, routes=settings.models, console=console)
    stream = Stream(task, reviewer.sent_texts(settings, task))
    if settings.starts_encoder:
        evaluations = _learn(settings, task, stream, evaluations, console, clock, supervisor)
    closing.close(settings, task, stream, certified, console, clock)
    with clock.step("compare"):
        options = Options(command="signalbox demo", learn_from=_LEARNED)
        run_evaluations(settings, evaluations, Selection(), options, console)
    console.print(clock.table())
    addresses(settings, console)


def _learn(
    settings: Settings,
    task: Task,
    stream: Stream,
    evaluations: list[Evaluation],
    console: Console,
    clock: Clock,
    supervisor: Supervisor,
) -> list[Evaluation]:
    """Labels for the pool and for users' texts, a new release, and its evaluation in the place of the old one's."""
    from local.demo import before_after
    from pipelines.evaluate.job import evaluate

    rows = reviewer.unlabeled(settings, task)
    if not rows:
        console.print("· no text of the pool waits for a label; the encoder stays as it is")
        return evaluations
    pool = len(rows)
    for language in stream.languages:
        rows += stream.take(language, _STREAM_LABELS)
    with clock.step(f"a scripted reviewer labels {pool} texts of the pool and {len(rows) - pool} of users"):
        reviewer.review(settings, rows, console)
    with clock.step("train the encoder again"):
        train_encoder(settings, console, supervisor)
        serve_new_release(settings, supervisor)
    calibrate_decoder(settings, console, clock, supervisor)  # in the cascade it follows the new release
    with clock.step("evaluate it on the same texts"):
        [again] = evaluate(settings, routes=["encoder"], console=console)
    before_after.show(evaluations[0], again, len(rows), console)
    return [again, *evaluations[1:]]


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


def _assess(settings: Settings, task: Task, model: str, console: Console) -> None:
    """As an evaluation: feedback to a text of the test split must not become training data."""
    for language, texts in examples(task).items():
        if texts:
            predictions = assessor_client.assess(settings, texts, language, model, source="evaluation")
            for text, prediction in zip(texts, predictions, strict=True):
                print_prediction(console, text, prediction)


def _wait_for_interrupt(supervisor: Supervisor, console: Console) -> None:
    try:
        watch(supervisor)
    except KeyboardInterrupt:
        console.print("\n· stopping")
