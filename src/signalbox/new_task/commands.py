"""`signalbox task`: a task from a file of labeled texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table as Grid

from signalbox.command import command_settings
from signalbox.contracts.labels import slugs
from signalbox.new_task.draft import Draft, Options, make_draft
from signalbox.new_task.files import task_folder, write_task
from signalbox.new_task.findings import cell_counts
from signalbox.new_task.splits import SHARES
from signalbox.new_task.table import read_table

task = typer.Typer(name="task", help="Create a task from a file of labeled texts.", no_args_is_help=True)


@task.callback()
def _group() -> None:
    """Typer would make a single command the group itself."""


@task.command()
def init(
    source: Annotated[
        Path, typer.Option("--from", help="CSV file with a column of texts and a column of labels.")
    ],
    name: Annotated[str | None, typer.Option(help="Name of the task. Defaults to the file's name.")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the page. Defaults to the name.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Name or number of the texts' column.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Name or number of the labels' column.")] = None,
    language_column: Annotated[
        str | None, typer.Option(help="Name or number of the languages' column.")
    ] = None,
    family_column: Annotated[
        str | None, typer.Option(help="Name or number of a column whose equal cells stay in one split.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of all texts. Defaults to detection.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="The positive one of two labels.")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="comma, semicolon, tab or bar. Defaults to detection.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding. Defaults to detection.")] = None,
    header: Annotated[bool, typer.Option(help="Whether the first line names the columns.")] = True,
    tasks: Annotated[Path, typer.Option(help="Folder that gets the folder of the task.")] = Path("tasks"),
    overwrite: Annotated[bool, typer.Option(help="Replace the files of an existing task.")] = False,
) -> None:
    """Write task.yaml and data.jsonl: columns, languages and near-duplicates are detected, and splits are formed."""
    with command_settings():
        columns = {"text": text_column, "label": label_column, "language": language_column}
        options = Options({**columns, "family": family_column}, language, positive)
        folder = task_folder(tasks, slugs([source.stem])[source.stem] if name is None else name)
        draft = make_draft(read_table(source, encoding=encoding, delimiter=delimiter, header=header), options)
        write_task(draft, folder, title or folder.name, overwrite=overwrite)
        show(draft, folder, Console())


def show(draft: Draft, folder: Path, console: Console) -> None:
    """Print what was read, the rows of each label, and what to do next."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for fact in draft.facts:
        say(fact)
    console.print(_grid(draft))
    families = len({row.family for row in draft.rows})
    say(f"{len(draft.rows)} texts in {families} families of near-duplicates; a family is in one split")
    for kind, lines in (("note", draft.notes), ("warning", draft.warnings)):
        for line in lines:
            say(f"{kind}: {line}.")
    say(f"written: {folder / 'task.yaml'}, {folder / 'data.jsonl'}")
    say(f"next: check the words and the prompt in {folder / 'task.yaml'}, then run")
    say(f"  SIGNALBOX_TASK={folder} signalbox train")


def _grid(draft: Draft) -> Grid:
    counts = cell_counts(draft.rows)
    grid = Grid("label", "language", *(f"{split}" for split in SHARES))
    for label in draft.labels:
        for code in draft.languages:
            numbers = (counts[(label, code), split] for split in SHARES)
            grid.add_row(label, code, *map(str, numbers))
    return grid
