"""What a push would change, and the push itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from signalbox.dashboards.compare import Board, differences
from signalbox.dashboards.grafana import Grafana
from signalbox.errors import SetupError

OLDEST = (10, 4)


class Action(StrEnum):
    """What a push does with a board. PROVISIONED: it differs, and Grafana accepts it only from its files."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    PROVISIONED = "provisioned"


@dataclass(frozen=True)
class Change:
    """A board with its action and the differences. `board` has the version that it replaces."""

    board: Board
    action: Action
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Folder:
    """A folder of boards."""

    uid: str
    title: str


def check_server(grafana: Grafana) -> list[str]:
    """Notes on version and data source. Raises SetupError for a version that is too old and without a Prometheus."""
    version = grafana.version()
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise SetupError(
            f"Grafana {version} is too old for the boards.", hint=f"Upgrade Grafana to {oldest} or newer."
        )
    sources = grafana.prometheus_sources()
    if sources is None:
        return ["The token may not list data sources, so they are not checked."]
    if not sources:
        raise SetupError(
            "Grafana has no data source of type Prometheus, so the boards would be empty.",
            hint="Add one in Grafana: Connections, Data sources, Prometheus.",
        )
    problems = {source["name"]: grafana.source_problem(source["uid"]) for source in sources}
    return [f"The data source `{name}` does not work: {text}" for name, text in problems.items() if text]


def plan(grafana: Grafana, boards: Sequence[Board], folder: Folder) -> list[Change]:
    """What a push would change; changes nothing."""
    return [_change(grafana, board, folder) for board in boards]


def push(grafana: Grafana, changes: Sequence[Change], folder: Folder, message: str) -> None:
    """Make the changes. Raises SetupError where someone saved a board since `plan`."""
    saves = [change for change in changes if change.action in {Action.CREATE, Action.UPDATE}]
    if saves and grafana.folder_title(folder.uid) is None:
        grafana.create_folder(folder.uid, folder.title)
    for change in saves:
        grafana.save(change.board, folder.uid, message)


def _change(grafana: Grafana, board: Board, folder: Folder) -> Change:
    fresh = {**board, "id": None, "version": 0}
    stored = grafana.board(str(board["uid"]))
    if stored is None:
        return Change(fresh, Action.CREATE)
    current = Change({**fresh, "version": stored.board.get("version", 0)}, Action.UNCHANGED)
    lines = differences(board, stored.board)
    if stored.folder_uid != folder.uid and not stored.is_provisioned:
        lines.insert(0, f"folder: {stored.folder_uid or 'root'} → {folder.uid}")
    if not lines:
        return current
    action = Action.PROVISIONED if stored.is_provisioned else Action.UPDATE
    return replace(current, action=action, lines=tuple(lines))
