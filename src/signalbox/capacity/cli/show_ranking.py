"""A ranking as a table that fits 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from signalbox.capacity.answers.rank import Option, Ranking
from signalbox.capacity.cli.show_plan import interval_text
from signalbox.capacity.gpu_names import quantity

_PRICED, _UNPROVEN = "price/h", "*"


def show_ranking(ranking: Ranking, console: Console, *, top: int) -> None:
    """Print the first `top` options (0: all), what does not fit, and the GPUs that were excluded.

    Of several models, each is shown in its best quantization on each kind of GPU; one model is shown in all.
    """
    options = _selection(ranking)
    if ranking.options:
        _print_options(ranking, options[: top or len(options)], console)
    elif ranking.inventory:
        console.print(Text(f"Nothing fits on {_inventory(ranking)}.", style="bold red"))
    else:
        console.print(Text("No GPU is free.", style="bold red"))
    for line in _footer(ranking, hidden=len(options) - top if top else 0):
        console.print(line)


def _print_options(ranking: Ranking, options: Sequence[Option], console: Console) -> None:
    console.print(Text(f"options that fit on {_inventory(ranking)}", style="bold"))
    console.print(Text(f"order: {ranking.order}", style="dim"))
    if len({option.model for option in ranking.options}) > 1:
        console.print(Text("each model in its best quantization; --model NAME shows all", style="dim"))
    console.print(_table(ranking, options), highlight=False)


def _inventory(ranking: Ranking) -> str:
    return ", ".join(quantity(*_pool(name)) for name in ranking.inventory)


def _pool(name: str) -> tuple[int, str]:
    count, _, gpu = name.partition("x")
    return int(count), gpu


def _footer(ranking: Ranking, *, hidden: int) -> Iterator[Text]:
    if hidden > 0:
        yield Text(f"… and {hidden} more: --top 0 shows all", style="dim")
    if ranking.cheapest is not None:
        yield Text(_cheapest(ranking.cheapest, ranking.currency or ""), style="bold")
    if any(option.overruled for option in ranking.options):
        yield Text(f"warning: {_UNPROVEN} unproven, allowed by --allow-unproven", style="yellow")
    if ranking.fits_nowhere and ranking.options:
        names = ", ".join(name.rsplit("/", maxsplit=1)[-1] for name in ranking.fits_nowhere)
        yield Text(f"does not fit: {names}", style="dim")
    for line in ranking.left_out:
        yield Text(f"excluded: {line}", style="dim")


def _selection(ranking: Ranking) -> list[Option]:
    if len({option.model for option in ranking.options}) < 2:
        return list(ranking.options)
    first: dict[tuple[str, str], Option] = {}
    for option in ranking.options:
        first.setdefault((option.model, option.gpu), option)
    return list(first.values())


def _table(ranking: Ranking, options: Sequence[Option]) -> Table:
    table = Table(box=None, pad_edge=False)
    priced = any(option.price_per_hour is not None for option in ranking.options)
    table.add_column("model", overflow="fold")
    table.add_column("quantization")
    table.add_column("GPUs")
    for name in ("context", "requests", "tokens/s", *([_PRICED] if priced else [])):
        table.add_column(name, justify="right")
    for option in options:
        table.add_row(*_cells(option, ranking.currency if priced else None))
    return table


def _cells(option: Option, currency: str | None) -> list[str]:
    speed = option.output_tokens_per_second
    cells = [
        option.model.rsplit("/", maxsplit=1)[-1],
        f"{option.quantization}{_UNPROVEN if option.overruled else ''}",
        quantity(option.gpus, option.gpu),
        f"{option.context:,}",
        f"{option.max_concurrency:,.1f}",
        interval_text(speed) if speed else "",
    ]
    if currency is not None:
        cells.append("" if option.price_per_hour is None else f"{option.price_per_hour:.2f}")
    return cells


def _cheapest(option: Option, currency: str) -> str:
    return (
        f"cheapest: {option.model} in {option.quantization} on {quantity(option.gpus, option.gpu)}, "
        f"{option.price_per_hour:.2f} {currency} per hour"
    )
