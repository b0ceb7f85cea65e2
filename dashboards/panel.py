"""Boards as data: what `grafana.py` turns into Grafana's JSON and `page.py` into the reference page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboards.thresholds import Threshold

DATASOURCE = "${datasource}"


@dataclass(frozen=True)
class Query:
    """A PromQL query with variables, and the text of its legend."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A panel, with the question that it answers. `empty` is what it shows without a series."""

    title: str
    question: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["stat", "timeseries", "table"] = "timeseries"
    width: int = 8
    threshold: Threshold | None = None
    maximum: float | None = None
    empty: str = "No traffic"


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A variable of a board. With `pattern`, its value is that of a series and not one of its labels."""

    name: str
    label: str
    query: str
    pattern: str = ""


@dataclass(frozen=True)
class Board:
    """A board: for whom it is, its variables and rows. `runbooks` are alerts whose figures it shows.

    `texts` are variables that a user fills in (name, label, default), `links` lead to other programs (title, URL).
    """

    uid: str
    title: str
    audience: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    runbooks: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    texts: tuple[tuple[str, str, str], ...] = ()

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in reading order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def stat(title: str, question: str, *queries: Query, **options: object) -> Panel:
    """A figure, a quarter of the width."""
    return Panel(title, question, queries, **{"kind": "stat", "width": 6, **options})  # type: ignore[arg-type]


def chart(title: str, question: str, *queries: Query, **options: object) -> Panel:
    """A time series, a third of the width."""
    return Panel(title, question, queries, **options)  # type: ignore[arg-type]
