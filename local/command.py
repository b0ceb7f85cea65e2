"""What all commands of the local stack begin with."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from signalbox.command import command_settings
from signalbox.logging import configure
from signalbox.settings import Settings


@contextlib.contextmanager
def step_settings() -> Iterator[Settings]:
    """Settings of a command that shows its steps itself; its log has warnings only."""
    configure(level=logging.WARNING)
    with command_settings() as settings:
        yield settings
