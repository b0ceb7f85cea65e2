"""`signalbox-jobs drift`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from pipelines.drift.defaults import ALPHA, CURRENT_DAYS, REFERENCE_DAYS
from pipelines.options import LogRun, Routes, job_settings, parse_routes


def drift(
    reference_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3650,
            help=f"Days of the reference window, before the current one. Default: {REFERENCE_DAYS}.",
        ),
    ] = None,
    reference_from: Annotated[
        str | None,
        typer.Option(help="Start of the reference window, such as 2026-09-01 (UTC), instead of its length."),
    ] = None,
    current_days: Annotated[
        int, typer.Option(min=1, max=3650, help="Days of the current window, up to now.")
    ] = CURRENT_DAYS,
    route: Routes = None,
    alpha: Annotated[float, typer.Option(help="Significance level of all tests of a run together.")] = ALPHA,
    correction: Annotated[
        str,
        typer.Option(
            help="holm: at most alpha of the runs raise a false alarm; bh: on average at most alpha of the alarms are "
            "false, for independent or positively dependent tests."
        ),
    ] = "holm",
    html: Annotated[
        bool,
        typer.Option(
            "--html",
            help="Write a readable report of the columns, too. Needs signalbox-pipelines[evidently].",
        ),
    ] = False,
    log_run: LogRun = True,
) -> None:
    """Compare recent records with a reference window."""
    with job_settings("drift") as settings:
        routes = parse_routes(route)
        from pipelines.drift import html_report, job, publish, report

        if html:
            html_report.check_installed()
        windows = job.windows_of(
            datetime.now(UTC),
            current_days=current_days,
            reference_days=reference_days,
            reference_from=reference_from,
        )
        result, values = job.compare_windows(
            settings, windows, routes=routes, alpha=alpha, correction=correction
        )
        report.show(result, Console())
        folder, pages = settings.state_dir / "reports", []
        if html:
            pages = html_report.write_reports(folder, result.task, values, result.comparisons)
        publish.publish(settings, result, log_run=log_run, pages=pages)
        for path in pages:
            Console().print(f"report: {path}", soft_wrap=True, markup=False, highlight=False)
