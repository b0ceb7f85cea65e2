"""The GPUs that hold a model, as a table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from signalbox.capacity.answers.offers import Offer, Offers
from signalbox.capacity.cli.show_plan import interval_text
from signalbox.capacity.gpu_names import product, quantity


def show_offers(answer: Offers, console: Console, *, top: int) -> None:
    """Print the first `top` machines (0: all), smallest first, and what does not hold the model."""
    title = f"{answer.model} ({answer.parameters_billion:g}B) on {answer.engine} {answer.engine_version}"
    console.print(Text.assemble((title, "bold"), ": the fewest GPUs that hold it, smallest first"))
    rows = answer.offers[: top or len(answer.offers)]
    if not rows:
        console.print(Text("No GPU of the tables holds it, in groups of up to eight.", style="bold red"))
    else:
        console.print(_table(rows, answer), highlight=False)
        console.print(Text(_explanation(rows[0], answer), style="dim"))
    if hidden := len(answer.offers) - len(rows):
        console.print(Text(f"… and {hidden} more: --top 0 shows all", style="dim"))
    if answer.too_small:
        names = ", ".join(product(name) for name in answer.too_small)
        console.print(Text(f"does not fit in groups of up to eight, or unsupported: {names}", style="dim"))
    for note in answer.notes:
        console.print(Text(f"note: {note}", style="dim"))
    if rows:
        console.print(_next_step(answer.offers), markup=False, highlight=False)


def _next_step(rows: tuple[Offer, ...]) -> str:
    """The first machine whose plan has a command: a quantization without known files has none."""
    row = next((one for one in rows if one.checkpoint), None)
    if row is None:
        return f"no copy in {rows[0].quantization} is known: search the Hub for one, and pass it as --model"
    return f"the command to start it: add --gpu {row.gpus}x{product(row.gpu)}"


def _table(rows: tuple[Offer, ...], answer: Offers) -> Table:
    """An encoder has neither requests of a cache nor a speed."""
    table = Table(box=None, pad_edge=False)
    for name in ("GPUs", "quantization"):
        table.add_column(name)
    figures = ("requests", "tokens/s", "Wh/1k") if answer.kv_cache else ("texts per step",)
    for name in ("largest context", *figures, f"{answer.currency}/h"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            quantity(row.gpus, row.gpu),
            f"{row.quantization}{'*' if row.unproven else ''}",
            f"{row.largest_context:,}",
            *(_figures(row) if answer.kv_cache else (f"{row.max_concurrency:,.0f}",)),
            "" if row.price_per_hour is None else f"{row.price_per_hour:.2f}",
        )
    return table


def _figures(row: Offer) -> tuple[str, str, str]:
    speed, energy = row.output_tokens_per_second, row.wh_per_1k_tokens
    return (
        f"{row.max_concurrency:,.1f}",
        interval_text(speed) if speed else "",
        interval_text(energy) if energy else "",
    )


def _explanation(row: Offer, answer: Offers) -> str:
    if not answer.kv_cache:
        return (
            f"largest context: of a single text. texts per step: of {row.context:,} tokens each; --batched-tokens raises "
            f"it. Prices: {answer.prices}."
        )
    return (
        f"largest context: of a single request. requests: of {row.context:,} tokens each. tokens/s and Wh per 1,000 "
        f"tokens: up to {row.requests or 1} requests at once on the first row. Prices: {answer.prices}."
    )
