"""Errors for people, as the command line prints them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from signalbox.errors import EXIT_FAILURE, EXIT_INPUT, InputError, SignalboxError
from signalbox.io import STATE_DIR

if TYPE_CHECKING:
    from rich.console import Console

    from signalbox.settings import Settings

_PREFIX = "SIGNALBOX_"


@dataclass(frozen=True)
class DefaultState:
    """The state folder of settings that nobody changed."""

    state_dir: Path = STATE_DIR


@contextmanager
def command_settings() -> Iterator[Settings]:
    """Settings for a command. A SignalboxError is printed as `error:` and `hint:` and ends it; others are not caught."""
    with command_errors():
        yield _settings()


@contextmanager
def command_state() -> Iterator[Settings | DefaultState]:
    """The same for a command that needs only the state folder, without the import of settings that are all defaults."""
    with command_errors():
        is_changed = any(name.upper().startswith(_PREFIX) for name in os.environ)
        yield _settings() if is_changed else DefaultState()


@contextmanager
def command_errors() -> Iterator[None]:
    """A SignalboxError is printed as `error:` and `hint:` and ends the command; others are not caught."""
    try:
        yield
    except SignalboxError as error:
        from rich.console import Console

        console = Console(stderr=True)
        _print(console, "error", error.message, "red")
        if error.hint:
            _print(console, "hint", error.hint, "")
        raise typer.Exit(EXIT_INPUT if isinstance(error, InputError) else EXIT_FAILURE) from error


def _settings() -> Settings:
    from pydantic import ValidationError

    from signalbox.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{_PREFIX}{str(first['loc'][0]).upper()}"
        raise InputError(name, first.get("input"), f"{first['msg']}.") from error


def _print(console: Console, label: str, text: str, style: str) -> None:
    console.print(f"{label}: {text}", style=style, markup=False, highlight=False, soft_wrap=True)
