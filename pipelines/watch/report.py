"""A pass of the watch job, as lines for people."""

from __future__ import annotations

from rich.console import Console

from pipelines.watch.job import Result, Row
from signalbox.certificate.monitoring.monitor import figures_of
from signalbox.contracts.certificate import CertificateState


def show(result: Result, console: Console) -> None:
    """One line a certificate, and one for its event."""
    if not result.rows:
        console.print(
            f"No certificate of {result.task.name} is watched. Plan one with `signalbox certify --plan`.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    for row in result.rows:
        for line in lines_of(row):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def lines_of(row: Row) -> list[str]:
    """What a pass says about one campaign."""
    observation = row.observation
    certificate, figures = observation.newest.certificate, figures_of(observation)
    lines = [
        f"{certificate.campaign.key.title}: {observation.state.value}; "
        f"{figures['labels']} labels since it was issued, {figures['errors']} wrong, "
        f"{len(observation.open_requests)} open; evidence {figures['evidence']:g} of "
        f"{observation.detector.rarity:g}"
    ]
    if row.event:
        lines.append(f"  {row.event.action.value}: {row.event.reason}")
    if observation.state is CertificateState.SUSPENDED:
        lines.append("  Each answer of its zone is shown red until labels restore or revoke it.")
    return lines
