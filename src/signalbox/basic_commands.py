"""Commands that query the assessor, move a model's files, or look after the database."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from signalbox import store
from signalbox.artifacts.transfer import download_model
from signalbox.assessor_client import assess as predictions_of
from signalbox.command import command_settings
from signalbox.contracts.routes import Route
from signalbox.show_prediction import print_prediction

_PROGRESS_SECONDS = 5.0


def assess(
    text: str,
    language: Annotated[str, typer.Option(help="Language of the text.")] = "en",
    model: Annotated[Route, typer.Option(help="Route that answers.")] = "cascade",
) -> None:
    """Assess one text through the running assessor."""
    with command_settings() as settings:
        print_prediction(Console(), text, predictions_of(settings, [text], language, model)[0])


def download(
    uri: Annotated[str, typer.Argument(help="Bucket and path, such as s3://models/llama-3.1-8b.")],
    folder: Annotated[Path, typer.Argument(help="Folder for the files.")],
    endpoint: Annotated[
        str, typer.Option(help="Endpoint of a store other than Amazon S3.", envvar="AWS_ENDPOINT_URL")
    ] = "",
    region: Annotated[str, typer.Option(help="Region of the bucket.", envvar="AWS_REGION")] = "",
) -> None:
    """Download a model from S3 object storage. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are its keys."""
    with command_settings():
        console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
        download_model(
            uri, folder, endpoint=endpoint, region=region, environment=os.environ, report=console.print
        )


def purge(
    days: Annotated[int, typer.Option(min=1, max=36_500, help="Delete records older than this.")],
) -> None:
    """Delete old records with their feedback (retention)."""
    with command_settings() as settings:
        report = _progress(Console(stderr=True))

        async def delete() -> int:
            async with store.store_of(settings) as records:
                return await records.purge(datetime.now(UTC) - timedelta(days=days), report)

        Console().print(f"deleted {asyncio.run(delete())} records")


def _progress(console: Console) -> Callable[[int], None]:
    """Prints a number of deleted records, every few seconds, in a terminal and elsewhere."""
    printed_at = time.monotonic()

    def report(deleted: int) -> None:
        nonlocal printed_at
        if time.monotonic() - printed_at >= _PROGRESS_SECONDS:
            printed_at = time.monotonic()
            console.print(f"{deleted} records deleted, continuing")

    return report


def migrate() -> None:
    """Create or upgrade the database schema."""
    with command_settings() as settings:
        names = asyncio.run(store.migrate(settings.store_url, settings.database_wait_seconds))
        Console().print(f"migrated: {', '.join(names)}" if names else "nothing to migrate", soft_wrap=True)
