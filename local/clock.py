"""Times of the demo's steps."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass
class Clock:
    """The steps so far, with their seconds."""

    console: Console
    start: float = field(default_factory=time.monotonic)
    steps: list[tuple[str, float]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self.start

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Print the name of a step and time it."""
        self.console.print(f"· {name}")
        start = time.monotonic()
        yield
        self.steps.append((name, time.monotonic() - start))

    def table(self) -> Table:
        """All steps and their sum."""
        table = Table("step", "seconds", title="Times")
        for name, seconds in self.steps:
            table.add_row(name, f"{seconds:.1f}")
        table.add_row("all", f"{self.seconds:.1f}")
        return table
