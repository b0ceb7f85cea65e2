"""All generated files of charts/monitoring, by their path in the repository."""

from __future__ import annotations

from dashboards import settings
from dashboards.boards import boards
from dashboards.grafana import board_json
from dashboards.metrics import check_names
from dashboards.page import page
from dashboards.panel import Board
from dashboards.rules.files import recorded, rule_files
from dashboards.variables import filled

FOLDER = "charts/monitoring/files"
PAGE = "docs/reference/boards.md"


def files() -> dict[str, str]:
    """Path → text.

    Raises InputError for a metric that nothing defines.
    """
    everything = boards()
    for board in everything:
        check_board(board)
    rules = {f"{FOLDER}/rules/{name}": text for name, text in rule_files().items()}
    dashboards = {
        f"{FOLDER}/dashboards/{board.uid}.json": board_json(board, everything, settings.runbooks_url())
        for board in everything
    }
    return {**rules, **dashboards, f"{FOLDER}/defaults.yaml": settings.replaced(), PAGE: page(everything)}


def check_board(board: Board) -> None:
    """Raise InputError for a query with a name that nothing defines."""
    for panel in board.panels:
        for query in panel.queries:
            check_names(f"{board.uid}, {panel.title}", filled(query.expr), recorded())
