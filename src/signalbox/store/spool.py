"""Rows that could not be written, in a local file, until they can. Durable before `add` returns."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from signalbox.contracts.record import Feedback, Record
from signalbox.errors import SetupError
from signalbox.files import sync_folder, write_whole

Row = Record | Feedback
_KINDS: dict[str, type[Record] | type[Feedback]] = {"record": Record, "feedback": Feedback}


class Spool:
    """An append-only JSON-lines file. A torn last line (a crash while writing) is cut off at the start.

    Processes that share the file lose nothing of each other: each adds and drops its own rows under a lock,
    and whoever starts takes over what lies there. A row written twice is passed over by the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._alone():
            content = path.read_bytes() if path.exists() else b""
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                write_whole(path, whole)
        self._rows = [_parsed(path, number, line) for number, line in enumerate(_lines(whole), start=1)]

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, limit: int) -> list[Row]:
        """What waits, oldest first."""
        return self._rows[:limit]

    def get(self, record_id: str) -> Record | None:
        """A waiting record."""
        return next((row for row in self._rows if isinstance(row, Record) and row.id == record_id), None)

    def feedback_for(self, record_id: str) -> list[Feedback]:
        """Waiting feedback of one record, oldest first."""
        return [row for row in self._rows if isinstance(row, Feedback) and row.prediction_id == record_id]

    def add(self, rows: Sequence[Row]) -> None:
        """Append and fsync."""
        with self._lock, self._alone():
            new = not self._path.exists()
            with self._path.open("ab") as file:
                file.writelines(_line(row) for row in rows)
                file.flush()
                os.fsync(file.fileno())
            if new:
                sync_folder(self._path.parent)
            self._rows.extend(rows)

    def drop(self, count: int) -> None:
        """Forget the oldest rows: they are in the database now."""
        with self._lock, self._alone():
            dropped = {_line(row) for row in self._rows[:count]}
            kept = [line for line in _lines(self._path.read_bytes()) if line not in dropped]
            write_whole(self._path, b"".join(kept))
            self._rows = self._rows[count:]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """The kernel frees the lock when its holder is killed."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _line(row: Row) -> bytes:
    kind = "record" if isinstance(row, Record) else "feedback"
    return f'{{"kind":"{kind}","row":{row.model_dump_json()}}}\n'.encode()


def _lines(content: bytes) -> list[bytes]:
    """Split at newlines only: a text may hold what `splitlines` also takes for the end of a line (U+2028)."""
    return [line + b"\n" for line in content.split(b"\n") if line]


def _parsed(path: Path, number: int, line: bytes) -> Row:
    try:
        entry = json.loads(line)
        return _KINDS[entry["kind"]].model_validate(entry["row"])
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"{path}: line {number} is no row of this version ({type(error).__name__}). "
            "Move the line to another file and start again; the other lines are kept."
        ) from None
