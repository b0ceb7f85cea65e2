"""`signalbox compare` and `signalbox gate`: the jobs of the same names, which here start the models themselves.

They replace the commands of the jobs, because their module comes first in the alphabet.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from local.command import step_settings
from pipelines.compare.models import KEY_VARIABLE
from pipelines.compare.options import (
    AllTiers,
    Currency,
    DcgmUrl,
    Languages,
    MemoryLimit,
    Output,
    Pool,
    Price,
    Repeats,
    Texts,
    Watts,
    bytes_of,
    command_line,
)
from pipelines.gate.command import Baseline, check_baseline
from pipelines.gate.exits import GateCommand, broken_on_error
from pipelines.options import Limit, LogRun
from signalbox.settings import Settings

app = typer.Typer(pretty_exceptions_enable=False)

_SPECS = (
    "encoder, decoder, a name of `signalbox models list`, the path of a GGUF file or of a release, or "
    f"https://HOST/v1#MODEL with its key in {KEY_VARIABLE} ({KEY_VARIABLE}_HOST for several hosts)"
)


@app.command()
def compare(
    models: Annotated[
        str, typer.Option(help=f"Comma-separated: {_SPECS}. Default: the enabled ones of encoder, decoder.")
    ] = "",
    tier: AllTiers = None,
    language: Languages = None,
    limit: Limit = None,
    repeats: Repeats = 1,
    memory_limit: MemoryLimit = None,
    price_per_hour: Price = None,
    currency: Currency = "",
    watts: Watts = None,
    dcgm_url: DcgmUrl = None,
    pool: Pool = False,
    texts: Texts = True,
    output: Output = None,
    log_run: LogRun = True,
) -> None:
    """Compare models, each started, queried and stopped in turn: which is the smallest that does it."""
    with step_settings() as settings:
        from local.models import candidates
        from pipelines.compare.job import Options
        from pipelines.compare.models.footprint import available_bytes
        from pipelines.compare.run import Selection, run
        from signalbox.tasks import load_task

        task = load_task(settings.task)
        options = Options(
            repeats=repeats,
            limit=limit,
            memory_limit_bytes=available_bytes() if memory_limit is None else bytes_of(memory_limit),
            price_per_hour=price_per_hour,
            currency=currency,
            watts=watts,
            dcgm_url=dcgm_url,
            learn_from=("few-shot", "pool") if pool else ("few-shot",),
            command=command_line(),
        )
        selection = Selection(tier or (), language or (), output, texts and settings.store_text, log_run)
        models_to_compare = candidates(settings, task, models, os.environ)
        with _mlflow(settings, start=log_run):
            run(settings, task, models_to_compare, selection, options, Console())


@app.command(cls=GateCommand)
def gate(
    baseline: Baseline = "",
    model: Annotated[str, typer.Option(help=f"{_SPECS[0].upper()}{_SPECS[1:]}. Default: the decoder.")] = "",
    tier: AllTiers = None,
    language: Languages = None,
    limit: Limit = None,
    repeats: Repeats = 1,
    memory_limit: MemoryLimit = None,
    log_run: LogRun = True,
) -> None:
    """Check a release against a blessed comparison. Exits 0 passed, 1 failed, 2 inconclusive, 3 broken."""
    with broken_on_error(), step_settings() as settings:
        check_baseline(baseline)
        from local.models import candidates
        from pipelines.compare.job import Options
        from pipelines.compare.models.footprint import available_bytes
        from pipelines.compare.run import Selection
        from pipelines.gate import job
        from pipelines.gate.report import show
        from signalbox.tasks import load_task

        task = load_task(settings.task)
        limit_bytes = available_bytes() if memory_limit is None else bytes_of(memory_limit)
        options = Options(repeats=repeats, limit=limit, memory_limit_bytes=limit_bytes)
        candidate = candidates(settings, task, model or settings.models[-1], os.environ)[0]
        selection = Selection(tier or (), language or ())
        with _mlflow(settings, start=log_run or not Path(baseline.partition("#")[0]).is_file()):
            result = job.gate(settings, task, candidate, baseline, selection, options, Console())
            show(result, Console())
            job.publish(settings, task, result, log_run=log_run)
        decision = result.verdict.decision
    raise typer.Exit(decision)


@contextlib.contextmanager
def _mlflow(settings: Settings, *, start: bool) -> Iterator[None]:
    """MLflow of the local stack, unless it is not needed, runs already, or runs elsewhere. It loads meanwhile."""
    from local import stack
    from local.processes import Supervisor, is_answering

    service = stack.mlflow(settings) if start else None
    if service is None or is_answering(service.url + service.ready_path):
        yield
        return
    with Supervisor(settings.logs_dir) as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield
