"""What the commands of the jobs share: settings with logs, and options that several of them have."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from signalbox.command import command_settings
from signalbox.contracts.routes import ROUTES, Route
from signalbox.errors import InputError
from signalbox.logging import configure
from signalbox.settings import Settings

logger = logging.getLogger(__name__)

# Libraries that say at level info what only their developers need.
_QUIET = ("alembic", "matplotlib", "mlflow")

Limit = Annotated[
    int | None,
    typer.Option(
        min=1, help="Rows per tier, language and label, from as many families as possible. Default: all."
    ),
]
LogRun = Annotated[bool, typer.Option(help="Log the results to MLflow.")]
ShardIndex = Annotated[
    int | None,
    typer.Option("--shard", min=0, help="Number of this shard. Default: the index of the Indexed Job's pod."),
]
Shards = Annotated[int, typer.Option(min=1, max=1000, help="Number of shards that share the work.")]
RunName = Annotated[
    str | None,
    typer.Option("--run", envvar="SIGNALBOX_RUN", help="Name of the run. Default: the Indexed Job's name."),
]
Tiers = Annotated[
    list[str] | None,
    typer.Option(
        "--tier", help="Tier of the task's texts; can be repeated. Default: its first, everyday before hard."
    ),
]
OneTier = Annotated[
    str | None,
    typer.Option("--tier", help="Tier of the task's texts. Default: its first, everyday before hard."),
]
Routes = Annotated[
    list[str] | None,
    typer.Option("--route", help=f"{', '.join(ROUTES)}; can be repeated. Default: all."),
]


@contextlib.contextmanager
def job_settings(job: str) -> Iterator[Settings]:
    """Settings for a job's command. Logs are JSON lines on standard error; errors end the command with a hint."""
    configure(quiet=_QUIET)
    start = time.monotonic()
    with command_settings() as settings:
        logger.info("job started", extra={"job": job, "task": str(settings.task)})
        yield settings
        logger.info("job finished", extra={"job": job, "seconds": round(time.monotonic() - start, 1)})


def parse_routes(names: Sequence[str] | None, routes: Sequence[Route] = tuple(ROUTES)) -> list[Route]:
    """Those of `routes` with these names, in the order of the names; all for None. InputError for another name."""
    for name in names or ():
        if name not in routes:
            raise InputError("--route", name, f"Choose {', '.join(routes)}.")
    return [route for name in names or routes for route in routes if route == name]
