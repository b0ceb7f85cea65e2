"""Reading a CSV file as spreadsheets write it: encoding and delimiter are detected, or named by an option."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from signalbox.errors import InputError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_DELIMITER_NAMES = {name: delimiter for delimiter, name in DELIMITERS.items()} | {"bar": "|"}
# What spreadsheets in western Europe write without a mark; unlike Latin-1, it leaves bytes undefined.
_FALLBACK = "cp1252"
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SAMPLE_RECORDS = 200
_LONGEST_CELL = 10 * 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One record of the file, and the line on which it starts."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The content of a file. Without a header, the columns are called `1`, `2`, …"""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None, header: bool = True
) -> Table:
    """Read a file. Raises InputError with its line for a record that has another number of cells than the first."""
    text, encoding = _decoded(path, encoding)
    mark = _delimiter(path, text, delimiter)
    records = list(_records(path, text, mark))
    if not records:
        raise InputError("--from", str(path), "Write one labeled text per line.", problem=f"{path} is empty.")
    first, width = records[0], len(records[0].cells)
    names = [cell.strip() for cell in first.cells] if header else [str(n) for n in range(1, width + 1)]
    rows = records[1:] if header else records
    _check_names(path, names)
    for row in rows:
        if len(row.cells) != width:
            raise InputError(
                f"{path}:{row.line}",
                DELIMITERS[mark].join(row.cells[:2]),
                f"Put a text that contains a {DELIMITERS[mark]} into double quotes, or set --delimiter.",
                problem=f"{path}:{row.line}: {len(row.cells)} cells, but line {first.line} has {width}.",
            )
    return Table(path, encoding, mark, tuple(names), tuple(rows))


def _check_names(path: Path, names: Sequence[str]) -> None:
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{path}:1", repeated[0], "Give each column a name of its own, or set --no-header.")


def _decoded(path: Path, encoding: str | None) -> tuple[str, str]:
    """The text of a file, and its encoding."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "unreadable"
        hint = "Write the path of a CSV file with a column of texts and a column of labels."
        raise InputError("--from", str(path), hint, problem=f"{path}: {reason}.") from error
    if encoding is not None:
        return _decode_as(path, data, encoding), encoding
    by_mark = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    if by_mark:
        return _decode_as(path, data, by_mark), by_mark.removesuffix("-sig")
    if b"\x00" in data:
        hint = "Save the file as CSV in UTF-8, or name its encoding: --encoding utf-16-le."
        raise InputError("--from", str(path), hint, problem=f"{path} is no text in UTF-8: it has NUL bytes.")
    for name in ("utf-8", _FALLBACK):
        try:
            return data.decode(name), name
        except UnicodeDecodeError:
            continue
    hint = "Save the file as UTF-8, or name its encoding: --encoding NAME."
    raise InputError("--from", str(path), hint, problem=f"The encoding of {path} is not recognized.")


def _decode_as(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except LookupError as error:
        hint = "Use a name that Python knows, for example utf-8, cp1252 or utf-16."
        raise InputError("--encoding", encoding, hint) from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        hint = "Name the encoding of the file: --encoding NAME."
        problem = f"{path}:{line}: byte 0x{data[error.start]:02x} is not valid in {encoding}."
        raise InputError("--encoding", encoding, hint, problem=problem) from error


def _delimiter(path: Path, text: str, choice: str | None) -> str:
    """The delimiter that an option names, else the one that gives most records the same number of cells."""
    if choice is not None:
        mark = _DELIMITER_NAMES.get(choice, choice)
        if mark not in DELIMITERS:
            raise InputError("--delimiter", choice, f"Use one of {', '.join(DELIMITERS.values())}.")
        return mark
    scores = {mark: _consistency(text, mark) for mark in DELIMITERS}
    best = max(scores, key=lambda mark: scores[mark])
    if text.strip() and scores[best][1] < 2:
        hint = "The file needs a column of texts and a column of labels, with a comma, semicolon or tab between them."
        raise InputError("--from", str(path), hint, problem=f"{path} has only one column.")
    return best


def _consistency(text: str, delimiter: str) -> tuple[float, int]:
    """The share of records with the most frequent number of cells, and that number; worst for one cell."""
    widths: Counter[int] = Counter()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for record, _ in zip(reader, range(_SAMPLE_RECORDS), strict=False):
            widths[len(record)] += 1
    except csv.Error:
        return 0.0, 0
    width, count = max(widths.items(), key=lambda item: item[1], default=(0, 0))
    return (count / widths.total(), width) if width > 1 else (0.0, width)


def _records(path: Path, text: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            hint = "Write a double quote inside a quoted text twice, and close each quote."
            raise InputError(
                f"{path}:{line}", str(error), hint, problem=f"{path}:{line}: {error}."
            ) from error
        if record is None:
            return
        if any(cell.strip() for cell in record):
            yield Row(line, tuple(record))
