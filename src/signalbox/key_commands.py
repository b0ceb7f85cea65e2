"""`signalbox keys`: make, list and revoke the API keys of the assessor's clients."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from signalbox import keys as store
from signalbox.command import command_settings
from signalbox.errors import InputError
from signalbox.settings import Settings

keys = typer.Typer(
    name="keys",
    help="Make, list and revoke the API keys of the assessor's clients.",
    no_args_is_help=True,
)
_File = Annotated[
    Path | None, typer.Option("--file", help="The clients file; SIGNALBOX_API_KEYS_FILE when left out.")
]


@keys.command()
def add(
    client: Annotated[str, typer.Argument(help="Name of the client.")],
    file: _File = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Limit of the client, for all of its keys.")
    ] = None,
    burst: Annotated[
        int | None, typer.Option(min=1, help="Requests at once; the limit of a minute when left out.")
    ] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day without access, in UTC.")
    ] = None,
) -> None:
    """Make a key, print it this once, and keep its hash."""
    with command_settings() as settings:
        path = _path(settings, file)
        known = store.load(path) if path.exists() and path.stat().st_size else []
        until = expires.replace(tzinfo=UTC) if expires else None
        limits = {"requests_per_minute": requests_per_minute, "burst": burst, "expires": until}
        added, key = store.add(known, client, **limits)
        store.save(path, added)
        # The key alone on standard output: KEY=$(signalbox keys add reports).
        Console(stderr=True).print(
            f"key of {client}, shown this once; {path} keeps its hash:", soft_wrap=True, highlight=False
        )
        typer.echo(key)


@keys.command("list")
def list_keys(file: _File = None) -> None:
    """List clients with the start of each key's hash, limits and end."""
    with command_settings() as settings:
        table = Table("client", "hash", "requests/min", "burst", "expires")
        for entry in store.load(_path(settings, file)):
            shown = (entry.requests_per_minute, entry.burst or entry.requests_per_minute, entry.expires)
            table.add_row(
                entry.client, entry.short, *("" if value is None else str(value) for value in shown)
            )
        Console().print(table)


@keys.command()
def revoke(
    name: Annotated[
        str, typer.Argument(metavar="CLIENT|HASH", help="A client, or the start of one key's hash.")
    ],
    file: _File = None,
) -> None:
    """Take away all keys of a client, or the one whose hash starts like this."""
    with command_settings() as settings:
        path = _path(settings, file)
        kept, gone = store.revoke(store.load(path), name)
        store.save(path, kept)
        for entry in gone:
            Console().print(f"revoked {entry.short} of {entry.client}", highlight=False)


def _path(settings: Settings, file: Path | None) -> Path:
    path = file or settings.api_keys_file
    if path is None:
        raise InputError("file", None, "Name the clients file by --file or SIGNALBOX_API_KEYS_FILE.")
    return path
