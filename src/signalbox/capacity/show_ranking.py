"""A ranking as a table that fits 80 columns."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from signalbox.capacity.rank import Option, Ranking
from signalbox.capacity.show import range_text

_PRICED = "price/h"


def show_ranking(ranking: Ranking, console: Console, *, top: int) -> None:
    """Print the first `top` options (0: all), what fits nowhere, and what was left out."""
    if not ranking.inventory:
        console.print(Text("No GPU is free.", style="bold red"))
    elif not ranking.options:
        console.print(Text(f"Nothing fits on {', '.join(ranking.inventory)}.", style="bold red"))
    else:
        console.print(_table(ranking, top or len(ranking.options)), highlight=False)
    hidden = len(ranking.options) - top if top else 0
    if hidden > 0:
        console.print(Text(f"… and {hidden} more: --top 0 shows all", style="dim"))
    if ranking.cheapest is not None:
        console.print(Text(_cheapest(ranking.cheapest, ranking.currency or ""), style="bold"))
    if ranking.fits_nowhere and ranking.options:
        console.print(Text(f"fits nowhere: {', '.join(ranking.fits_nowhere)}", style="dim"))
    for line in ranking.left_out:
        console.print(Text(f"left out: {line}", style="dim"))


def _table(ranking: Ranking, rows: int) -> Table:
    table = Table(
        title=f"what fits on {', '.join(ranking.inventory)}\norder: {ranking.order}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    priced = any(option.price_per_hour is not None for option in ranking.options)
    table.add_column("model", overflow="fold")
    table.add_column("quantization")
    table.add_column("GPUs")
    for name in ("context", "requests", "tokens/s", *([_PRICED] if priced else [])):
        table.add_column(name, justify="right")
    for option in ranking.options[:rows]:
        table.add_row(*_cells(option, ranking.currency if priced else None))
    return table


def _cells(option: Option, currency: str | None) -> list[str]:
    speed = option.output_tokens_per_second
    cells = [
        option.model.rsplit("/", maxsplit=1)[-1],
        option.quantization,
        f"{option.gpus}x{option.gpu}",
        f"{option.context:,}",
        f"{option.max_concurrency:,.1f}",
        range_text(speed) if speed else "",
    ]
    if currency is not None:
        cells.append("" if option.price_per_hour is None else f"{option.price_per_hour:.2f}")
    return cells


def _cheapest(option: Option, currency: str) -> str:
    return (
        f"cheapest: {option.model} in {option.quantization} on {option.gpus}x{option.gpu}, "
        f"{option.price_per_hour:.2f} {currency} an hour"
    )
