"""Options that several jobs share, and the routes that an option names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from signalbox.contracts.record import Route
from signalbox.errors import InputError

ROUTES: tuple[Route, ...] = ("encoder", "decoder", "cascade")

Limit = Annotated[int | None, typer.Option(min=1, help="Rows per language and label. Default: all.")]
LogRun = Annotated[bool, typer.Option(help="Log the results to MLflow.")]
Routes = Annotated[
    list[str] | None,
    typer.Option("--route", help="encoder, decoder or cascade; can be repeated. Default: all."),
]


def routes_named(names: Sequence[str] | None) -> list[Route]:
    """The routes of these names, in the same order; all for None. InputError for an unknown name."""
    for name in names or ():
        if name not in ROUTES:
            raise InputError("--route", name, f"Choose {', '.join(ROUTES)}.")
    return [route for name in names or ROUTES for route in ROUTES if route == name]
