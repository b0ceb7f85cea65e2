"""`signalbox usage`."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from rich.console import Console

from signalbox.command import command_settings
from signalbox.contracts.usage import Amount, UsageKey
from signalbox.errors import InputError
from signalbox.settings import Settings

# The store is imported when it is read: the command line starts without it.
# ruff: noqa: PLC0415


def usage(
    month: Annotated[str, typer.Option(help="Last month, such as 2026-11 (UTC). Default: this one.")] = "",
    months: Annotated[int, typer.Option(min=1, max=120, help="Number of months.")] = 1,
    by_model: Annotated[bool, typer.Option(help="A row for each model of a client.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    wh_per_1k_tokens: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Watt hours for 1,000 completion tokens, from `signalbox plan`. Defaults to SIGNALBOX_WH_PER_1K_TOKENS.",
        ),
    ] = None,
) -> None:
    """Print what each client of the assessor used: requests, tokens, seconds, and an estimate of energy."""
    with command_settings() as settings:
        from signalbox.usage import report
        from signalbox.usage.energy import Energy

        last = _month(month)
        since, until = report.months_before(last, months - 1), report.months_before(last, -1)
        per_1k = settings.wh_per_1k_tokens if wh_per_1k_tokens is None else wh_per_1k_tokens
        stored = asyncio.run(_read(settings, since, until))
        rows = report.monthly(stored, Energy(per_1k, settings.encoder_watts), by_model=by_model)
        if as_csv:
            typer.echo(report.as_csv(rows), nl=False)
            return
        if not rows:
            period = f"{since:%Y-%m}" if months == 1 else f"{since:%Y-%m} to {last:%Y-%m}"
            Console().print(f"No usage in {period}.", highlight=False)
            return
        Console().print(report.as_table(rows))
        if any(row.watthours is None for row in rows):
            hint = "Set SIGNALBOX_WH_PER_1K_TOKENS (decoder) and SIGNALBOX_ENCODER_WATTS (encoder) for the energy."
            Console(stderr=True).print(f"note: {hint}", highlight=False, soft_wrap=True)


def _month(text: str) -> date:
    """The first day of a month. Raises InputError."""
    if not text:
        return datetime.now(UTC).date().replace(day=1)
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise InputError("--month", text, "Give a year and a month, for example 2026-11.") from error


async def _read(settings: Settings, since: date, until: date) -> dict[UsageKey, Amount]:
    from signalbox.store import store_of

    async with store_of(settings) as store:
        return await store.usage.read(since, until)
