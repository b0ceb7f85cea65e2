"""Progress of a job: a bar in a terminal, a line for every fifth elsewhere."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

logger = logging.getLogger(__name__)

_STEPS = 5


@contextlib.contextmanager
def progress(
    title: str, total: int, *, completed: int = 0, console: Console | None = None
) -> Iterator[Callable[[], None]]:
    """Gives a function that counts one more of `total`.

    Without a terminal, lines go to `console` where a caller gives one, and to the log otherwise: a bar would show
    nothing there before its end.
    """
    terminal = console or Console(stderr=True)
    if terminal.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=terminal) as bar:
            line = bar.add_task(title, total=total, completed=completed)
            yield lambda: bar.advance(line)
        return
    count = completed

    def advance() -> None:
        nonlocal count
        count += 1
        if count * _STEPS // total > (count - 1) * _STEPS // total:
            _print(title, count, total, console)

    yield advance


def _print(title: str, count: int, total: int, console: Console | None) -> None:
    if console is None:
        logger.info("progress", extra={"step": title, "completed": count, "total": total})
    else:
        console.print(f"  {title}: {count} of {total}", highlight=False)
