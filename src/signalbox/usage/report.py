"""Usage by month and client, as a table and as CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rich import box
from rich.table import Table

from signalbox.contracts.usage import Amount, UsageKey
from signalbox.usage.energy import Energy

COLUMNS = (
    "month",
    "client",
    "model",
    "requests",
    "prompt_tokens",
    "completion_tokens",
    "seconds",
    "watthours_estimate",
)


@dataclass(frozen=True)
class Row:
    """Usage of a client in a month. `models` names those that it used; `watthours` is None where one has no figure."""

    month: str
    client: str
    models: tuple[str, ...]
    amount: Amount
    watthours: float | None


def monthly(usage: Mapping[UsageKey, Amount], energy: Energy, *, by_model: bool = False) -> list[Row]:
    """A row for each month and client, or for each of its models."""
    groups: dict[tuple[str, ...], dict[str, Amount]] = {}
    for key, amount in sorted(usage.items()):
        name = (f"{key.day:%Y-%m}", key.client, *((key.model,) if by_model else ()))
        models = groups.setdefault(name, {})
        models[key.model] = models.get(key.model, Amount()).plus(amount)
    return [_row(name[0], name[1], models, energy) for name, models in sorted(groups.items())]


def _row(month: str, client: str, models: Mapping[str, Amount], energy: Energy) -> Row:
    total = Amount()
    for amount in models.values():
        total = total.plus(amount)
    # What reached no model took no energy that is known here.
    watthours = [energy.watthours(model, amount) for model, amount in models.items() if model]
    known = [value for value in watthours if value is not None]
    complete = sum(known) if len(known) == len(watthours) else None
    return Row(month, client, tuple(model for model in models if model), total, complete)


def as_csv(rows: Sequence[Row]) -> str:
    """Comma-separated, with a header; an unknown estimate is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        amount = row.amount
        tokens = (amount.prompt_tokens, amount.completion_tokens)
        watthours = "" if row.watthours is None else f"{row.watthours:.3f}"
        models = "+".join(row.models)
        writer.writerow(
            (row.month, row.client, models, amount.requests, *tokens, f"{amount.seconds:.3f}", watthours)
        )
    return text.getvalue()


def as_table(rows: Sequence[Row]) -> Table:
    """The same for a terminal, with digits in groups. Wh are an estimate."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("month", "client", "models"):
        table.add_column(name, overflow="fold")
    for name in ("requests", "tokens in", "tokens out", "seconds", "Wh"):
        table.add_column(name, justify="right")
    for row in rows:
        amount = row.amount
        counts = (amount.requests, amount.prompt_tokens, amount.completion_tokens)
        watthours = "–" if row.watthours is None else _number(row.watthours)
        models = " + ".join(row.models) or "none"
        table.add_row(
            row.month, row.client, models, *(f"{n:,}" for n in counts), f"{amount.seconds:,.1f}", watthours
        )
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def months_before(month: date, count: int) -> date:
    """The first day of the month that many months before."""
    index = month.year * 12 + month.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)
