"""`signalbox keys`: create, list and revoke API keys of the assessor's clients."""

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
    help="Create, list and revoke API keys of the assessor's clients.",
    no_args_is_help=True,
)
_File = Annotated[
    Path | None, typer.Option("--file", help="Clients file. Defaults to SIGNALBOX_API_KEYS_FILE.")
]


@keys.command()
def add(
    client: Annotated[str, typer.Argument(help="Name of the client.")],
    file: _File = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Rate limit of the client, for all of its keys.")
    ] = None,
    burst: Annotated[
        int | None,
        typer.Option(min=1, help="Largest burst of requests. Defaults to the requests per minute."),
    ] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day without access, in UTC.")
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(help="`client` (default) or `reviewer`, who answers the queue and sees no verdict."),
    ] = None,
) -> None:
    """Create a key, print it once, and store its hash."""
    with command_settings() as settings:
        path = _path(settings, file)
        entries = store.load(path) if path.exists() and path.stat().st_size else []
        until = expires.replace(tzinfo=UTC) if expires else None
        limits = {"requests_per_minute": requests_per_minute, "burst": burst, "expires": until, "role": role}
        entries, key = store.add(entries, client, **limits)
        store.save(path, entries)
        # The key alone on standard output: KEY=$(signalbox keys add reports).
        Console(stderr=True).print(
            f"API key of {client}, shown only once; its hash is in {path}:", soft_wrap=True, highlight=False
        )
        typer.echo(key)


@keys.command("list")
def list_keys(file: _File = None) -> None:
    """List clients with the start of each key's hash, limits and expiry."""
    with command_settings() as settings:
        table = Table("client", "hash", "requests/min", "burst", "expires", "role")
        for entry in store.load(_path(settings, file)):
            limits = (entry.requests_per_minute, entry.burst or entry.requests_per_minute, entry.expires)
            cells = ("" if value is None else str(value) for value in limits)
            table.add_row(entry.client, entry.short, *cells, entry.role)
        Console().print(table)


@keys.command()
def revoke(
    name: Annotated[
        str, typer.Argument(metavar="CLIENT|HASH", help="A client, or the start of a key's hash.")
    ],
    file: _File = None,
) -> None:
    """Revoke all keys of a client, or the key whose hash starts with the argument."""
    with command_settings() as settings:
        path = _path(settings, file)
        remaining, revoked = store.revoke(store.load(path), name)
        store.save(path, remaining)
        for entry in revoked:
            Console().print(f"revoked {entry.short} of {entry.client}", highlight=False)


def _path(settings: Settings, file: Path | None) -> Path:
    path = file or settings.api_keys_file
    if path is None:
        problem = "No clients file is configured."
        raise InputError("file", None, "Set --file or SIGNALBOX_API_KEYS_FILE.", problem=problem)
    return path
