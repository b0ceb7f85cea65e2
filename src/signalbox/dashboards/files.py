"""Boards as JSON files in a folder."""

from __future__ import annotations

import json
from pathlib import Path

from signalbox.dashboards.compare import Board
from signalbox.errors import InputError
from signalbox.io import write_whole

# Where `make generate` writes them, from the root of a checkout.
GENERATED = Path("charts/monitoring/files/dashboards")


def load(folder: Path) -> list[Board]:
    """The boards of a folder by title. Raises InputError for a file that is none, and for a folder without any."""
    boards = [_read(path) for path in sorted(folder.glob("*.json"))]
    if not boards:
        hint = "Run the command in a checkout of the Signalbox repository, or set --source to a folder of boards."
        raise InputError(
            "--source", str(folder), hint, problem=f"The folder `{folder}` has no boards (*.json)."
        )
    uids = [board["uid"] for board in boards]
    if double := next((uid for uid in uids if uids.count(uid) > 1), None):
        raise InputError("uid", double, f"Give each board in {folder} a uid of its own.")
    return sorted(boards, key=lambda board: str(board["title"]))


def save(folder: Path, board: Board) -> Path:
    """Write a board without what belongs to one Grafana. Returns the path."""
    content = {name: value for name, value in board.items() if name not in {"id", "version", "iteration"}}
    path = folder / f"{board['uid']}.json"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
    return path


def _read(path: Path) -> Board:
    try:
        board: Board = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("--source", path.name, "Check the file: it must be JSON.") from error
    is_classic = isinstance(board, dict) and "panels" in board
    if not is_classic or not board.get("uid") or not board.get("title"):
        hint = "Use a board in the classic format, with uid, title and panels. In Grafana 13, export it as Classic."
        raise InputError("--source", str(path), hint, problem=f"`{path}` is no board in the classic format.")
    return board
