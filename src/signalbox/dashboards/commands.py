"""`signalbox dashboards push | diff | pull`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from signalbox.command import command_settings
from signalbox.dashboards import files
from signalbox.dashboards.grafana import Grafana
from signalbox.dashboards.sync import Action, Change, Folder, check_server, plan
from signalbox.dashboards.sync import push as push_changes
from signalbox.errors import EXIT_FAILURE, InputError
from signalbox.settings import Settings

dashboards = typer.Typer(
    name="dashboards",
    help="Push the boards to a Grafana, compare and pull them. SIGNALBOX_GRAFANA_URL and SIGNALBOX_GRAFANA_TOKEN name it.",
    no_args_is_help=True,
)
_Source = Annotated[Path, typer.Option("--source", help="Folder of the boards (*.json).")]
_FolderUid = Annotated[str, typer.Option(help="Uid of the folder in Grafana.")]
_FolderTitle = Annotated[str, typer.Option(help="Title of the folder, if it has to be created.")]
_SHOWN_LINES = 20


@dashboards.command()
def push(
    source: _Source = files.GENERATED,
    folder_uid: _FolderUid = "signalbox",
    folder_title: _FolderTitle = "Signalbox",
) -> None:
    """Create or update the boards in Grafana; print what changes. A second push changes nothing."""
    with command_settings() as settings:
        console, folder = Console(), Folder(folder_uid, folder_title)
        grafana, changes = _plan(settings, source, folder)
        _show(changes, console)
        push_changes(grafana, changes, folder, "signalbox dashboards push")
        _show_provisioned(changes)
    if any(change.action is Action.PROVISIONED for change in changes):
        raise typer.Exit(EXIT_FAILURE)


@dashboards.command()
def diff(
    source: _Source = files.GENERATED,
    folder_uid: _FolderUid = "signalbox",
    folder_title: _FolderTitle = "Signalbox",
) -> None:
    """Print what a push would change; exit with 1 if there is something."""
    with command_settings() as settings:
        _, changes = _plan(settings, source, Folder(folder_uid, folder_title))
        _show(changes, Console())
        _show_provisioned(changes)
    if any(change.action is not Action.UNCHANGED for change in changes):
        raise typer.Exit(EXIT_FAILURE)


@dashboards.command()
def pull(
    output: Annotated[Path, typer.Argument(help="Folder for the files, one a board.")],
    folder_uid: _FolderUid = "signalbox",
) -> None:
    """Write the boards of a folder in Grafana to files, for example to keep what was edited there."""
    with command_settings() as settings:
        grafana, console = _grafana(settings), Console()
        grafana.version()
        if grafana.folder_title(folder_uid) is None:
            raise InputError(
                "--folder-uid", folder_uid, "Use the uid in the address of the folder in Grafana."
            )
        for uid in grafana.boards_in(folder_uid):
            stored = grafana.board(uid)
            if stored is None:
                continue
            if "panels" not in stored.board:
                note = f"The board `{uid}` is saved in another format than the classic one, and is left out."
                Console(stderr=True).print(f"warning: {note}", soft_wrap=True, markup=False, highlight=False)
                continue
            path = files.save(output, stored.board)
            console.print(f"{path}", soft_wrap=True, markup=False, highlight=False)


def _grafana(settings: Settings) -> Grafana:
    """The Grafana of the settings. Raises InputError, SetupError."""
    if not settings.grafana_url:
        hint = (
            "Set it, for example to http://127.0.0.1:3000 after kubectl port-forward service/GRAFANA 3000:80"
        )
        raise InputError("SIGNALBOX_GRAFANA_URL", None, hint, problem="SIGNALBOX_GRAFANA_URL is not set.")
    return Grafana(settings.grafana_url, _token(settings))


def _token(settings: Settings) -> str:
    """The token, from its file or its variable. Raises InputError."""
    if path := settings.grafana_token_file:
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            token = ""
        if not token:
            raise InputError("SIGNALBOX_GRAFANA_TOKEN_FILE", str(path), "Name a text file with the token.")
        return token
    if settings.grafana_token is None:
        hint = (
            "Create a service account with the role Editor in Grafana (Administration, Users and access), add a token, and "
            "set SIGNALBOX_GRAFANA_TOKEN, or SIGNALBOX_GRAFANA_TOKEN_FILE to a file with it."
        )
        raise InputError("SIGNALBOX_GRAFANA_TOKEN", None, hint, problem="No token for Grafana is set.")
    return settings.grafana_token.get_secret_value()


def _plan(settings: Settings, source: Path, folder: Folder) -> tuple[Grafana, list[Change]]:
    boards = files.load(source)
    grafana = _grafana(settings)
    for note in check_server(grafana):
        Console(stderr=True).print(f"note: {note}", soft_wrap=True, markup=False, highlight=False)
    return grafana, plan(grafana, boards, folder)


def _show(changes: list[Change], console: Console) -> None:
    for change in changes:
        line = f"{change.action.value:<11}  {change.board['title']}"
        console.print(line, soft_wrap=True, markup=False, highlight=False)
        for text in change.lines[:_SHOWN_LINES]:
            console.print(f"  {text}", soft_wrap=True, markup=False, highlight=False)
        if (more := len(change.lines) - _SHOWN_LINES) > 0:
            console.print(f"  … and {more} more", highlight=False)


def _show_provisioned(changes: list[Change]) -> None:
    titles = [str(change.board["title"]) for change in changes if change.action is Action.PROVISIONED]
    if titles:
        text = (
            f"Grafana reads {len(titles)} of these boards from files (a ConfigMap of charts/monitoring, for example). "
            "Change them there: helm upgrade."
        )
        Console(stderr=True).print(f"warning: {text}", soft_wrap=True, markup=False, highlight=False)
