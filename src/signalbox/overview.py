"""The help of `signalbox` itself, set as typer sets it with rich, whose import takes half the time of such a start."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperGroup, TyperOption

_BOLD_CYAN, _BOLD_YELLOW, _YELLOW, _DIM = "1;36", "1;33", "33", "2"
_BOX, _ASCII_BOX = tuple("╭─╮│╰╯"), tuple("+-+|++")
_FRAME, _GAP = 4, 2  # columns of a panel's sides with their spaces, and between two cells
_LEAST_WIDTH = 10  # of a text, however narrow the terminal is
_NO_COMMAND = 2  # exit status, as typer has it
Row = Sequence[str]


class OverviewGroup(TyperGroup):
    """A group whose help lists its options and commands, in the width and encoding of the terminal."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's copy of click is private
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            self.format_help(ctx, None)
            raise typer.Exit(_NO_COMMAND)
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - as in `parse_args`
        """Print the help; typer removes colors where the output is no terminal."""
        width = int(os.environ.get("TERMINAL_WIDTH") or shutil.get_terminal_size().columns)
        options = [
            (", ".join(option.opts), option.display_type_rich(ctx) or "", option.help or "")
            for option in self.get_params(ctx)
            if isinstance(option, TyperOption) and not option.hidden
        ]
        commands = [command for name in self.list_commands(ctx) if (command := self.get_command(ctx, name))]
        listing = [(one.name or "", _first_paragraph(one.help)) for one in commands if not one.hidden]
        usage = "\n".join(_wrapped(self.get_usage(ctx), width - 2, " "))
        blocks = [
            ["", usage.replace("Usage:", _styled("Usage:", _YELLOW), 1), ""],
            [*_wrapped(_first_paragraph(self.help), width - 2, " "), ""],
            panel("Options", options, (_BOLD_CYAN, _BOLD_YELLOW), width),
            panel("Commands", listing, (_BOLD_CYAN,), width),
        ]
        typer.echo("\n".join(line for block in blocks for line in block), color=_color())


def panel(title: str, rows: Sequence[Row], styles: Sequence[str], width: int) -> list[str]:
    """A titled box around rows of as many cells, of which the last is wrapped; empty without rows."""
    if not rows:
        return []
    corner, line, right, side, low_left, low_right = _box()
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    text = max(width - _FRAME - sum(widths) - _GAP * len(widths), _LEAST_WIDTH)
    inner = sum(widths) + _GAP * len(widths) + text + 2
    edge = _styled(side, _DIM)
    return [
        _styled(f"{corner}{line} {title} {line * (inner - len(title) - 3)}{right}", _DIM),
        *(f"{edge} {content} {edge}" for row in rows for content in _cells(row, styles, widths, text)),
        _styled(f"{low_left}{line * inner}{low_right}", _DIM),
    ]


def _cells(row: Row, styles: Sequence[str], widths: Sequence[int], text: int) -> Iterator[str]:
    """The lines of a row; only the first has the cells before the last one."""
    first = [
        _styled(cell, style) + " " * (width - len(cell) + _GAP)
        for cell, style, width in zip(row, styles, widths, strict=False)
    ]
    indent = sum(widths) + _GAP * len(widths)
    for number, line in enumerate(_wrapped(row[-1], text) or [""]):
        yield (" " * indent if number else "".join(first)) + line.ljust(text)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return [indent + line for line in textwrap.wrap(text, max(width, _LEAST_WIDTH), break_on_hyphens=False)]


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split())


def _styled(text: str, style: str) -> str:
    return f"\033[{style}m{text}\033[0m" if text else ""


def _color() -> bool | None:
    """What the environment wants (https://no-color.org, https://force-color.org); None lets the output decide."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in {"dumb", "unknown"}:
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def _box() -> tuple[str, ...]:
    """Lines of a box in an encoding that has them."""
    return _BOX if (sys.stdout.encoding or "").lower().startswith("utf") else _ASCII_BOX
