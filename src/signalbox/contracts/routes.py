"""The routes of a request: which models each one queries, and in which order. The only table of them.

A route is what a caller selects; a model is what answers. The cascade queries a second model when the first is not sure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

ModelName = Literal["encoder", "decoder"]
Route = Literal["encoder", "decoder", "cascade"]


@dataclass(frozen=True)
class RouteSpec:
    """One row: the title for people, and the models in the order in which they are queried."""

    title: str
    models: tuple[ModelName, ...]


MODELS: tuple[ModelName, ...] = get_args(ModelName)

# The order is that of lists and forms; the first route is the default of the API and the web page.
ROUTES: Mapping[Route, RouteSpec] = MappingProxyType(
    {
        "encoder": RouteSpec("Encoder", ("encoder",)),
        "decoder": RouteSpec("Decoder", ("decoder",)),
        "cascade": RouteSpec("Cascade", ("encoder", "decoder")),
    }
)


def routes_over(models: Collection[str]) -> tuple[Route, ...]:
    """Routes that need none but these models, in the order of the table."""
    return tuple(route for route, spec in ROUTES.items() if set(spec.models) <= set(models))
