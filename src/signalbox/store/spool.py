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
from signalbox.errors import InputError, SetupError, SignalboxError
from signalbox.io import AppendLog, write_whole
from signalbox.store.backend import Backend, RowRejected
from signalbox.store.rows import parse_row

log = logging.getLogger(__name__)

Row = Record | Feedback
_KINDS: dict[str, type[Record] | type[Feedback]] = {"record": Record, "feedback": Feedback}
REJECTED = "rejected.jsonl"
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

    Rows that the database always rejects are kept in `rejected.jsonl` next to it, in the same form. Both files together have
    `max_bytes`.
    """

    def __init__(self, path: Path, max_bytes: int | None = None) -> None:
        self._log = AppendLog(path)
        self._rejected = AppendLog(path.with_name(REJECTED))
        self._max_bytes = max_bytes
        self._lock_path = path.with_suffix(".lock")
        self._lock = threading.Lock()
        with self._locked():
            lines = self._log.load()
            self._rejected.load()
        self._rows = [_parse(path, number, line) for number, line in enumerate(lines, start=1)]
        pairs = zip(map(_line, self._rows), lines, strict=True)
        # Lines as an earlier version wrote them, by the line of today.
        self._earlier_forms = {new: line for new, line in pairs if new.encode() != line}
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
                    hint=f"Free space on its disk, also by moving {REJECTED}, or make the database available.",
                )
            if rest:
                log.warning("spool cannot be written", extra={"rows_in_memory": len(rest), "cause": reason})
            self._unwritten = rest
            self._rows.extend(rows)

    def drop(self, count: int, rejected: Sequence[Row] = ()) -> None:
        """Delete the oldest rows: they are in the database now, or go to the file of rejected rows. Raises OSError if it is full."""
        with self._lock, self._locked():
            if rejected:
                self._rejected.append(*map(_line, rejected))
            dropped = {_line(row) for row in self._rows[:count]}
            self._unwritten = [line for line in self._unwritten if line not in dropped]
            earlier = {self._earlier_forms.pop(line) for line in dropped & self._earlier_forms.keys()}
            self._obsolete |= earlier | {line.encode() for line in dropped}
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
        kept = f", and {REJECTED} has {size} of them" if (size := _size(self._rejected.path)) else ""
        return lines[count:], f"its limit is {self._max_bytes} bytes{kept}"

    def _room_for(self, lines: list[str]) -> int:
        """How many of the lines the limit of the file allows."""
        if self._max_bytes is None:
            return len(lines)
        room = self._max_bytes - _size(self._log.path) - _size(self._rejected.path)
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


async def write_again(backend: Backend, rows: Sequence[Row]) -> list[Row]:
    """Write rows in order; returns those that the database always rejects, so that they block no others. Raises StoreUnavailable."""
    rejected = []
    for kind, group in itertools.groupby(rows, type):
        same = list(group)
        if kind is Record:
            with contextlib.suppress(InputError, RowRejected):
                await backend.append([row for row in same if isinstance(row, Record)])
                continue
        for row in same:
            if cause := await _rejection(backend, row):
                # Without a traceback: what a database says about a row may quote it.
                extra = {"row_id": row.id, "cause": cause, "file": REJECTED}
                log.error("spooled row rejected by the database", extra=extra)
                rejected.append(row)
    return rejected


async def _rejection(backend: Backend, row: Row) -> str | None:
    """Write one row; why the database always rejects it, or None if it is written."""
    try:
        if isinstance(row, Record):
            await backend.append([row])
        elif not await backend.add_feedback(row):
            return f"Its record is not stored: {row.prediction_id}."
    except (InputError, RowRejected) as error:
        return error.message
    return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


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
