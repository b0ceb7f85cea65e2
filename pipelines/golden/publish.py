"""A run of the golden job: lines for people, and a textfile for Prometheus."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from pipelines.golden.job import Outcome, Result
from pipelines.sinks import textfile
from signalbox.contracts import certificate_metrics as names


def show(result: Result, console: Console) -> None:
    """One line a language and route, and one for each event."""
    lines = [line_of(outcome) for outcome in result.outcomes]
    lines += [f"  {event.action.value}: {event.certificate_id}: {event.reason}" for event in result.events]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def line_of(outcome: Outcome) -> str:
    """What a run says about one language and route."""
    where, total = f"{outcome.language} {outcome.route}", outcome.rows + outcome.blessed_now
    right = f"{outcome.right} of {total} rows right"
    if outcome.p_value is None:
        return f"{where}: {total} rows blessed now; {right}"
    if not outcome.changed:
        return f"{where}: same answers to {outcome.rows} rows (p = {outcome.p_value:.2g}); {right}"
    note = "" if outcome.is_new else "; reported before. To accept it: signalbox-jobs golden --bless"
    return (
        f"{where}: other answers to {outcome.rows} rows under the same release, prompt and thresholds "
        f"(p = {outcome.p_value:.2g}, {outcome.other_verdicts} other verdicts); {right}{note}"
    )


def write_metrics(folder: Path, result: Result) -> Path:
    """Write `golden-TASK.prom`."""
    values: textfile.Values = []
    for outcome in result.outcomes:
        where = (result.task, outcome.language, outcome.route)
        values += [
            (names.GOLDEN_ROWS, where, float(outcome.rows)),
            (names.GOLDEN_CHANGED, where, float(outcome.changed)),
            (names.GOLDEN_P_VALUE, where, outcome.p_value),
        ]
    job = f"golden-{result.task}"
    return textfile.write_values(folder / f"{job}.prom", [*values, textfile.succeeded(job)])
