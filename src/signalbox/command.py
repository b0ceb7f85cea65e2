"""Errors for people, as the command line prints them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError
from rich.console import Console

from signalbox.errors import EXIT_FAILURE, EXIT_INPUT, InputError, SignalboxError
from signalbox.settings import Settings


@contextmanager
def command_settings() -> Iterator[Settings]:
    """Settings for a command. A SignalboxError is printed as `error:` and `hint:` and ends it; others are not caught."""

    console = Console(stderr=True)
    try:
        try:
            settings = Settings()
        except ValidationError as error:
            first = error.errors()[0]
            name = f"SIGNALBOX_{str(first['loc'][0]).upper()}"
            raise InputError(name, first.get("input"), f"{first['msg']}.") from error
        yield settings
    except SignalboxError as error:
        _print(console, "error", error.message, "red")
        if error.hint:
            _print(console, "hint", error.hint, "")
        raise typer.Exit(EXIT_INPUT if isinstance(error, InputError) else EXIT_FAILURE) from error


def _print(console: Console, label: str, text: str, style: str) -> None:
    console.print(f"{label}: {text}", style=style, markup=False, highlight=False, soft_wrap=True)
