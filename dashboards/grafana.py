"""Grafana's classic JSON of a board (schema version 42, which Grafana 10.4 to 13 read), by the foundation SDK."""

from __future__ import annotations

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panel import DATASOURCE, Board, Panel, Variable
from dashboards.thresholds import Threshold

HEIGHT: Final = {"stat": 5, "timeseries": 8, "table": 8}
_SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid=DATASOURCE)
_GOOD, _BAD = "green", "red"
_BUILDERS: Final[dict[str, Any]] = {"stat": stat.Panel, "timeseries": timeseries.Panel, "table": table.Panel}


def board_json(board: Board, boards: tuple[Board, ...], runbooks_url: str) -> str:
    """The file of one board, with links to the others and to its runbooks."""
    build = (
        builder.Dashboard(board.title)
        .uid(board.uid)
        .tags(["signalbox"])
        .description(board.audience)
        .editable()
        .time("now-6h", "now")
        .refresh("1m")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(builder.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for variable in board.variables:
        build.with_variable(_variable(variable))
    for name, label, text in board.texts:
        build.with_variable(builder.TextBoxVariable(name).label(label).default_value(text))
    for title, url in board.links:
        build.link(_link(title, url, keep=False))
    for other in boards:
        if other.uid != board.uid:
            build.link(_link(other.title, f"/d/{other.uid}", keep=True))
    for alert in board.runbooks:
        build.link(_link(f"Runbook {alert}", f"{runbooks_url.rstrip('/')}/{alert}.md", keep=False))
    for row in board.rows:
        build.with_row(builder.Row(row.title))
        for panel in row.panels:
            build.with_panel(_panel(panel))
    encoded = JSONEncoder(sort_keys=True).encode(build.build())
    return json.dumps(_numbered(json.loads(encoded)), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _numbered(document: dict[str, Any]) -> dict[str, Any]:
    """Ids that count from 1: the SDK leaves them out, and older versions of Grafana mix such panels up."""
    for number, panel in enumerate(document["panels"], start=1):
        panel["id"] = number
    return document


def _link(title: str, url: str, *, keep: bool) -> Any:  # noqa: ANN401 - a builder of the SDK
    link = builder.DashboardLink(title).type(model.DashboardLinkType.LINK).url(url)
    return link.keep_time(keep).include_vars(keep).target_blank(not keep).as_dropdown(False)


def _variable(variable: Variable) -> Any:  # noqa: ANN401 - a builder of the SDK
    query: dict[str, object] = {"query": variable.query, "refId": variable.name}
    build = builder.QueryVariable(variable.name).label(variable.label).datasource(_SOURCE).query(query)
    build.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    if variable.pattern:
        return build.regex(f"/{variable.pattern}/").allow_custom_value(True)
    everything = model.VariableOption(selected=True, text="All", value="$__all")
    return build.multi(True).include_all(True).all_value(".*").current(everything)


def _panel(panel: Panel) -> Any:  # noqa: ANN401 - builders of the SDK share no type
    build = _BUILDERS[panel.kind]().title(panel.title).description(panel.question).datasource(_SOURCE)
    build.unit(panel.unit).no_value(panel.empty).span(panel.width).height(HEIGHT[panel.kind])
    build.thresholds(_thresholds(panel.threshold))
    if panel.threshold and panel.kind == "stat":
        build.color_scheme(builder.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    if panel.maximum is not None:
        build.min(0).max(panel.maximum)
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        target = (
            prometheus.Dataquery().expr(query.expr).legend_format(query.legend or "__auto").ref_id(letter)
        )
        build.with_target(target.instant() if panel.kind == "table" else target.range())
    return build


def _thresholds(threshold: Threshold | None) -> Any:  # noqa: ANN401 - a builder of the SDK
    if threshold is None:
        steps = [model.Threshold(value=None, color=_GOOD)]
    else:
        first, second = (_BAD, _GOOD) if threshold.below else (_GOOD, _BAD)
        steps = [
            model.Threshold(value=None, color=first),
            model.Threshold(value=float(threshold.value), color=second),
        ]
    return builder.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)
