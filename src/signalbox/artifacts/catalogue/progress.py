"""Progress of a download: a bar in a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from signalbox.artifacts.catalogue.http import Advance

_MIB = 1 << 20
_STEPS = 10
# A file that is smaller is there before a line about its progress is read.
_LEAST_BYTES = 10 * _MIB


@contextmanager
def progress(console: Console, title: str, total: int) -> Iterator[Advance]:
    """Gives a function that takes the bytes of `total` that are there; fewer than before count as before."""
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(True), TransferSpeedColumn())
        with Progress(*columns, console=console) as bar:
            line = bar.add_task(title, total=total)
            yield lambda count: bar.update(line, completed=min(count, total))
        return
    step = 0

    def print_tenth(count: int) -> None:
        nonlocal step
        reached = min(count, total) * _STEPS // total
        if reached > step and total >= _LEAST_BYTES:
            console.print(f"{title}: {100 * reached // _STEPS} % of {total / _MIB:.0f} MiB")
        step = max(step, reached)

    yield print_tenth
