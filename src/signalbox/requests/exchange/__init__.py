"""Requests as files for other tools, and their labels back: a table of formats. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from signalbox.requests.exchange import csv_table, json_lines, label_studio, promptfoo
from signalbox.requests.exchange.rows import FileRow, LabeledRow, Rejection, RowsRejected

__all__ = ["FORMATS", "SUFFIXES", "FileFormat", "FileRow", "LabeledRow", "Rejection", "RowsRejected"]


@dataclass(frozen=True)
class FileFormat:
    """How rows become the text of a file and back. `read` raises RowsRejected or InputError."""

    write: Callable[[Sequence[FileRow]], str]
    read: Callable[[str], list[LabeledRow]]


FORMATS: Mapping[str, FileFormat] = MappingProxyType(
    {
        "csv": FileFormat(csv_table.write, csv_table.read),
        "jsonl": FileFormat(json_lines.write, json_lines.read),
        "label-studio": FileFormat(label_studio.write, label_studio.read),
        "promptfoo": FileFormat(promptfoo.write, promptfoo.read),
    }
)
# The format of a file whose name says it; `.json` is of two.
SUFFIXES: Mapping[str, str] = MappingProxyType({".csv": "csv", ".jsonl": "jsonl"})
