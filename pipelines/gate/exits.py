"""Exit status of the gate: whatever prevents a decision is BROKEN, so that no error looks like a decision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import typer
from typer.core import TyperCommand


class Decision(IntEnum):
    """The exit status of the command."""

    PASSED = 0
    FAILED = 1
    INCONCLUSIVE = 2
    BROKEN = 3


class GateCommand(TyperCommand):
    """A command whose wrong options are BROKEN, too: the command line's own status for them is that of INCONCLUSIVE."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - typer's own copy of click is private
        try:
            return super().make_context(info_name, args, parent, **extra)
        except Exception as error:
            if hasattr(error, "exit_code") and error.exit_code == Decision.INCONCLUSIVE:
                error.exit_code = Decision.BROKEN
            raise


@contextlib.contextmanager
def broken_on_error() -> Iterator[None]:
    """Turn the exit status of a printed error, and any other exception, into BROKEN."""
    try:
        yield
    except typer.Exit as error:
        if error.exit_code:
            raise typer.Exit(Decision.BROKEN) from error
        raise
    except Exception as error:
        typer.echo(f"error: {type(error).__name__}: {error}", err=True)
        raise typer.Exit(Decision.BROKEN) from error
