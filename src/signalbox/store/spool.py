"""Rows that could not be written to the database, in a local file, until they can be."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from signalbox.contracts.record import Feedback, Record
from signalbox.errors import SetupError, SignalboxError
from signalbox.io import AppendLog, write_whole
from signalbox.store.rows import parse_row

log = logging.getLogger(__name__)

Row = Record | Feedback
_KINDS: dict[str, type[Record] | type[Feedback]] = {"record": Record, "feedback": Feedback}
# Rows that are held in memory while the disk is full: about 20 MB of short texts.
MAX_UNWRITTEN_ROWS = 10_000


class SpoolFull(SignalboxError):  # noqa: N818 - reads as what happened
    """Neither the disk nor the memory takes another row."""


class Spool:
    """A log of rows in the order in which they came. A row is durable when `add` returns.

    While the disk is full, or the file has `max_bytes`, up to MAX_UNWRITTEN_ROWS rows are held in memory only; the next
    `add` for which there is room writes them first. Processes that share the file lose nothing of each other: each adds
    and drops its own rows under a lock, and a process that starts takes over the rows in the file. The database passes
    over a row that is written twice.
    """

    def __init__(self, path: Path, max_bytes: int | None = None) -> None:
        self._log = AppendLog(path)
        self._max_bytes = max_bytes
        self._lock_path = path.with_suffix(".lock")
        self._lock = threading.Lock()
        with self._locked():
            lines = self._log.load()
        self._rows = [_parse(path, number, line) for number, line in enumerate(lines, start=1)]
        self._unwritten: list[str] = []
        # Lines of the file that are in the database, but that a full disk did not let go.
        self._obsolete: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, limit: int) -> list[Row]:
        """The oldest rows, oldest first."""
        return self._rows[:limit]

    def get(self, record_id: str) -> Record | None:
        """A waiting record."""
        return next((row for row in self._rows if isinstance(row, Record) and row.id == record_id), None)

    def feedback_for(self, record_id: str) -> list[Feedback]:
        """Waiting feedback of one record, oldest first."""
        return [row for row in self._rows if isinstance(row, Feedback) and row.prediction_id == record_id]

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows durably, or hold them while the disk is full. Raises SpoolFull."""
        with self._lock, self._locked():
            lines = [*self._unwritten, *map(_line, rows)]
            rest, reason = self._write(lines)
            if len(rest) > MAX_UNWRITTEN_ROWS:
                self._unwritten = rest[: -len(rows)]
                raise SpoolFull(
                    f"{self._log.path} cannot be written ({reason}), and {len(self._unwritten)} rows wait.",
                    hint="Free space on its disk, or make the database available.",
                )
            if rest:
                log.warning("spool cannot be written", extra={"rows_in_memory": len(rest), "cause": reason})
            self._unwritten = rest
            self._rows.extend(rows)

    def drop(self, count: int) -> None:
        """Delete the oldest rows: they are in the database now."""
        with self._lock, self._locked():
            dropped = {_line(row) for row in self._rows[:count]}
            self._unwritten = [line for line in self._unwritten if line not in dropped]
            self._obsolete |= {line.encode() for line in dropped}
            self._rows = self._rows[count:]
            rest = [line + b"\n" for line in self._log.load() if line not in self._obsolete]
            try:
                if rest:
                    write_whole(self._log.path, b"".join(rest))
                else:
                    self._log.clear()  # needs no space, and a full disk has none
            except OSError as error:
                log.warning("spool cannot be shortened yet", extra={"cause": str(error)})
            else:
                self._obsolete.clear()

    def _write(self, lines: list[str]) -> tuple[list[str], str]:
        """Append as many lines as fit; returns the others and why they do not."""
        count = self._room_for(lines)
        try:
            self._log.append(*lines[:count])
        except OSError as error:
            return lines, str(error.strerror)
        return lines[count:], f"its limit is {self._max_bytes} bytes"

    def _room_for(self, lines: list[str]) -> int:
        """How many of the lines the limit of the file allows."""
        if self._max_bytes is None:
            return len(lines)
        room = self._max_bytes - (self._log.path.stat().st_size if self._log.path.exists() else 0)
        # Measured up to the first that is too many: while the file is full, each request adds to thousands that wait.
        ends = itertools.accumulate(len(line.encode()) + 1 for line in lines)
        return sum(1 for _ in itertools.takewhile(lambda end: end <= room, ends))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time; the kernel frees the lock of a process that is killed."""
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock_path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _line(row: Row) -> str:
    kind = "record" if isinstance(row, Record) else "feedback"
    return f'{{"kind":"{kind}","row":{row.model_dump_json()}}}'


def _parse(path: Path, number: int, line: bytes) -> Row:
    try:
        entry = json.loads(line)
        return parse_row(_KINDS[entry["kind"]], json.dumps(entry["row"]))
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"{path}: line {number} is no row of this version ({type(error).__name__}).",
            hint="Move the line to another file and start again; the other lines stay.",
        ) from None
