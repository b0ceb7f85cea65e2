"""The metrics that rules and boards may query: those of the contracts, and those of metrics.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import promql_parser
import yaml

from signalbox.contracts import metrics as contracts
from signalbox.contracts.metric import Metric
from signalbox.errors import InputError

HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")
RECORDED = "signalbox:"
_TABLE = Path(__file__).with_name("metrics.yaml")


@dataclass(frozen=True)
class Name:
    """What one engine, in a range of versions, calls a measure; `plus` is a second metric to add to it."""

    engine: str
    name: str
    page: str
    since: str = ""
    below: str = ""
    only: str = ""
    plus: str = ""

    def selector(self, suffix: str = "", matchers: str = "") -> str:
        """The series of this name."""
        inside = ",".join(filter(None, (self.only, matchers)))
        return f"{self.name}{suffix}" + (f"{{{inside}}}" if inside else "")


@dataclass(frozen=True)
class Measure:
    """One quantity of a model server, with its names in order of preference."""

    name: str
    kind: Literal["gauge", "ratio", "counter", "histogram"]
    help: str
    names: tuple[Name, ...]


@cache
def measures() -> dict[str, Measure]:
    """The measures of model servers, by name."""
    return {
        name: Measure(name, row["kind"], row["help"], tuple(Name(**entry) for entry in row["names"]))
        for name, row in _table()["measures"].items()
    }


def exposed(metric: Metric) -> str:
    """The name in the exposition format; of a histogram, without its suffix."""
    return f"{metric.name}_total" if metric.kind == "counter" else metric.name


@cache
def known_names() -> frozenset[str]:
    """Every name that a query may have, apart from recorded ones."""
    names = {*_table()["exporters"], *_table()["prometheus"]}
    for metric in contracts.ALL:
        names |= _samples(exposed(metric), metric.kind)
    for measure in measures().values():
        for entry in measure.names:
            names |= _samples(entry.name, measure.kind) | ({entry.plus} if entry.plus else set())
    return frozenset(names)


def pages() -> dict[str, str]:
    """Name of each metric of an engine or an exporter → the page that has it; of a histogram, without its suffix."""
    names = {entry.name: entry.page for measure in measures().values() for entry in measure.names}
    return names | dict(_table()["exporters"])


def names_in(expression: str) -> set[str]:
    """The metric names of a PromQL expression."""
    return {name for node in selectors(expression) if (name := node.name)}


def selectors(expression: str) -> list[Any]:
    """The vector selectors of a PromQL expression.

    Raises InputError if it does not parse.
    """
    try:
        return _selectors(promql_parser.parse(expression))
    except ValueError as error:
        raise InputError("expr", expression, f"Correct the query: {error}") from None


def check_names(where: str, expression: str, recorded: frozenset[str]) -> None:
    """Raise InputError for a name that neither the contracts nor metrics.yaml nor a recording rule defines."""
    for name in sorted(names_in(expression)):
        if name not in (recorded if name.startswith(RECORDED) else known_names()):
            hint = "Import it from signalbox.contracts.metrics, or add it to dashboards/metrics.yaml with its page."
            raise InputError(where, name, hint)


def _samples(name: str, kind: str) -> set[str]:
    return {name + suffix for suffix in HISTOGRAM_SUFFIXES} if kind == "histogram" else {name}


def _selectors(node: Any) -> list[Any]:  # noqa: ANN401 - nodes share no type
    if isinstance(node, promql_parser.VectorSelector):
        return [node]
    if isinstance(node, promql_parser.MatrixSelector):
        return [node.vector_selector]
    children = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "param")]
    children += getattr(node, "args", None) or []
    return [selector for child in children if child is not None for selector in _selectors(child)]


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    return table
