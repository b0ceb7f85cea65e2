"""Rows that could not be written, in a local file, until they can. Durable before `add` returns."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from signalbox.contracts.record import Feedback, Record

_KINDS: dict[str, type[Record] | type[Feedback]] = {"record": Record, "feedback": Feedback}


class Spool:
    """An append-only JSON-lines file. A torn last line (a crash while writing) is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._rows = _read(path)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> list[Record | Feedback]:
        """What waits, oldest first."""
        return list(self._rows)

    def get(self, record_id: str) -> Record | None:
        """A waiting record."""
        return next((row for row in self._rows if isinstance(row, Record) and row.id == record_id), None)

    def knows(self, record_id: str) -> bool:
        """Whether a record waits here."""
        return self.get(record_id) is not None

    def add(self, rows: Sequence[Record | Feedback]) -> None:
        """Append and fsync."""
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(_line(row) for row in rows)
                file.flush()
                os.fsync(file.fileno())
            self._rows.extend(rows)

    def drop(self, count: int) -> None:
        """Forget the oldest rows: they are in the database now."""
        with self._lock:
            rest = self._rows[count:]
            partial = self._path.with_suffix(".partial")
            with partial.open("w", encoding="utf-8") as file:
                file.writelines(_line(row) for row in rest)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
            self._rows = rest


def _line(row: Record | Feedback) -> str:
    kind = "record" if isinstance(row, Record) else "feedback"
    return f'{{"kind":"{kind}","row":{row.model_dump_json()}}}\n'


def _read(path: Path) -> list[Record | Feedback]:
    if not path.exists():
        return []
    rows: list[Record | Feedback] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            if number == len(lines):
                break
            raise
        rows.append(_KINDS[entry["kind"]].model_validate(entry["row"]))
    return rows
