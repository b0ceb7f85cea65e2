"""Open decisions as a table or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.owed.decisions import Decision

HEADER = ("decision", "language", "route", "labels", "would decide", "missing", "answers")
_LOG_WIDTH = 140  # a log has no width, and 80 would squeeze the columns


def show(decisions: Sequence[Decision], *, as_json: bool = False, console: Console | None = None) -> None:
    """The decisions in their order."""
    console = console or Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    if as_json:
        rows = [asdict(one) | {"missing": one.missing} for one in decisions]
        console.print(json.dumps(rows, indent=2), markup=False, highlight=False, soft_wrap=True)
        return
    if not decisions:
        console.print("No open decision: no answers in the window, or the labels decide everything.")
        return
    table = Table(*HEADER, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    for one in decisions:
        numbers = (one.labels, one.needed, one.missing, one.answers)
        table.add_row(one.subject, one.language, one.route or "", *map(_number, numbers))
    console.print(table)
    console.print(
        "Only labels that were asked for count, for a comparison rows of the test split. The numbers hold if the shares stay "
        "as they are; for green, if no further label is wrong.",
        highlight=False,
        soft_wrap=True,
    )


def _number(value: int | None) -> str:
    return "cannot say" if value is None else f"{value:,}"
