"""`signalbox labels`: fill the queue, export and import requests, and say where the campaigns are."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from signalbox.command import command_settings

# The store and the tasks are imported by the command that needs them: the command line starts without them.
# ruff: noqa: PLC0415

labels = typer.Typer(
    name="labels",
    help="Request, export and import ground truth of answers.",
    no_args_is_help=True,
)
_Format = Annotated[
    str,
    typer.Option("--format", help="csv, jsonl, label-studio or promptfoo. Defaults to the file's suffix."),
]
_Language = Annotated[str, typer.Option(help="Language. Defaults to all languages of the task.")]


@labels.command()
def request(language: _Language = "") -> None:
    """Put answers into the queue, at random, for each campaign that `signalbox certify --plan` wrote."""
    with command_settings() as settings:
        from signalbox.requests.run import LabelRun

        _print(asyncio.run(LabelRun(settings, language).request()))


@labels.command()
def status(language: _Language = "") -> None:
    """Say for each campaign what is answered and what the next green answers cost. It names verdicts."""
    with command_settings() as settings:
        from signalbox.requests.run import LabelRun

        _print(asyncio.run(LabelRun(settings, language).status()))


@labels.command("export")
def export_requests(
    file: Annotated[Path, typer.Argument(help="File to write.")],
    reviewer: Annotated[
        str, typer.Option(help="Who judges the texts. They stay with this person for 14 days.")
    ] = "",
    count: Annotated[int, typer.Option(min=1, max=5000, help="Maximum number of texts.")] = 50,
    answered: Annotated[
        bool, typer.Option("--answered", help="Export the texts that have a label, with it, instead.")
    ] = False,
    file_format: _Format = "",
    language: _Language = "",
) -> None:
    """Export texts to be judged elsewhere, without verdicts."""
    with command_settings() as settings:
        from signalbox.requests.run import LabelRun

        run = LabelRun(settings, language)
        _print(asyncio.run(run.export(file, file_format, reviewer, count, answered=answered)))


@labels.command("import")
def import_labels(
    file: Annotated[Path, typer.Argument(help="File with ids and labels.")],
    reviewer: Annotated[str, typer.Option(help="Who judged the texts.")],
    file_format: _Format = "",
) -> None:
    """Import labels, all or none. The same file again changes nothing; another label is a correction."""
    with command_settings() as settings:
        from signalbox.requests.run import LabelRun

        _print(asyncio.run(LabelRun(settings, "").load(file, file_format, reviewer)))


def _print(lines: list[str]) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for line in lines:
        console.print(line)
