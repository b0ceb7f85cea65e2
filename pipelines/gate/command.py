"""`signalbox-jobs gate`."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich.console import Console

from pipelines.compare.options import AllTiers, Languages, Repeats
from pipelines.gate.exits import GateCommand, broken_on_error
from pipelines.options import Limit, LogRun, job_settings
from signalbox.errors import InputError

Baseline = Annotated[
    str,
    typer.Option(
        help="MLflow run of a comparison, or the path of its answers.json; with `#MODEL` if it has several."
    ),
]
RunningModel = Annotated[
    str,
    typer.Option(help="encoder, decoder or https://HOST/v1#MODEL. Default: the decoder, if there is one."),
]

app = typer.Typer(pretty_exceptions_enable=False)


@app.command(cls=GateCommand)
def gate(
    baseline: Baseline = "",
    model: RunningModel = "",
    tier: AllTiers = None,
    language: Languages = None,
    limit: Limit = None,
    repeats: Repeats = 1,
    log_run: LogRun = True,
) -> None:
    """Check a release against a blessed comparison. Exits 0 passed, 1 failed, 2 inconclusive, 3 broken."""
    with broken_on_error(), job_settings("gate") as settings:
        check_baseline(baseline)
        from pipelines.compare.job import Options
        from pipelines.compare.models.running import running_models
        from pipelines.compare.run import Selection
        from pipelines.gate import job
        from pipelines.gate.report import show
        from signalbox.tasks import load_task

        task = load_task(settings.task)
        candidate = running_models(settings, task, model or settings.models[-1], os.environ)[0]
        options = Options(repeats=repeats, limit=limit)
        result = job.gate(settings, task, candidate, baseline, Selection(tier or (), language or ()), options)
        show(result, Console())
        job.publish(settings, task, result, log_run=log_run)
        decision = result.verdict.decision
    raise typer.Exit(decision)


def check_baseline(baseline: str) -> None:
    """Raise InputError where no baseline is named: not required by the command line, whose own error has status 2."""
    if not baseline:
        hint = "Give the MLflow run of a comparison that you bless, or the path of its answers.json."
        raise InputError("--baseline", None, hint)
