"""Runbooks for a terminal. Commands are printed whole, so that they can be pasted."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from signalbox.runbooks.page import DIAGNOSIS, IMPACT, MEANING, MITIGATION, Runbook, fill

_MOST_WIDTH = 100
_FENCE = "```"


def show_alerts(runbooks: Sequence[Runbook], firing: Mapping[str, object] | None, console: Console) -> None:
    """All alerts with their meaning; those that fire are marked."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("alert", no_wrap=True)
    table.add_column("now")
    table.add_column("meaning", overflow="fold")
    for runbook in runbooks:
        state = "not known" if firing is None else "fires" if runbook.alert in firing else "silent"
        table.add_row(runbook.alert, state, runbook.summary)
    console.print(table)


def show_runbook(
    runbook: Runbook,
    values: Mapping[str, str],
    firing: Sequence[Mapping[str, str]],
    console: Console,
    *,
    mitigation: bool,
) -> None:
    """Meaning, impact and diagnosis, with values in the commands."""
    names = (MEANING, IMPACT, DIAGNOSIS, *((MITIGATION,) if mitigation else ()))
    parts = {name: fill(runbook.sections[name], values) for name in names}
    console.print(runbook.alert, style="bold", highlight=False)
    for labels in firing:
        pairs = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "alertname")
        _print(console, f"fires now: {pairs}")
    for export in dict.fromkeys(line for part in parts.values() for line in part.exports):
        _print(console, f"    {export}")
    for name, part in parts.items():
        console.print(f"\n{name}", style="bold", highlight=False)
        for line in _lines(part.text, min(console.width, _MOST_WIDTH)):
            _print(console, line)
    missing = dict.fromkeys(variable for part in parts.values() for variable in part.missing)
    if missing:
        settings = " ".join(f"{variable}=…" for variable in missing)
        _print(console, f"\nnote: not known here: {', '.join(missing)}. Set in your shell: export {settings}")
    if not mitigation:
        _print(console, f"\nWhat to do about it: signalbox why {runbook.alert} --mitigation")


def _lines(text: str, width: int) -> list[str]:
    """Text wrapped to the width, and commands as they are, indented."""
    lines: list[str] = []
    is_command = False
    for line in text.splitlines():
        if line.strip().startswith(_FENCE):
            is_command = not is_command
        elif is_command:
            lines.append(f"    {line.strip()}")
        elif line.strip():
            indent = " " * (len(line) - len(line.lstrip()) + (3 if line.lstrip()[:1].isdigit() else 2))
            lines += textwrap.wrap(
                line, width, subsequent_indent=indent if line.lstrip()[:1] in "-123456789" else ""
            )
    return lines


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
