"""The answer on one screen. It reads the same without colour: letters in the bar, words for the verdict."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from signalbox.capacity.planner.result import Combination, Plan, Range

_SEGMENTS = (
    ("weights", "W", "white on blue", "weights_gib"),
    ("activation", "A", "black on yellow", "activation_gib"),
    ("graphs", "G", "white on magenta", "graphs_gib"),
    ("non-torch", "N", "black on cyan", "non_torch_gib"),
    ("KV cache", "K", "black on green", "kv_gib"),
)
_FREE, _LACKING = "·", "!"
_MARKS = {
    "fits": ("✓ fits", "bold green"),
    "does not fit": ("✕ does not fit", "bold red"),
    "refused": ("✕ refused", "bold red"),
}
_DIGITS = 3


def show(plan: Plan, console: Console) -> None:
    """Print the answer; nothing is wider than the console."""
    console.print(Group(*_screen(plan, console.width)), highlight=False)


def _screen(plan: Plan, width: int) -> list[RenderableType]:
    rows: list[RenderableType] = [
        _title(plan),
        _bar(plan, width),
        _legend(plan, width),
        _verdict(plan),
    ]
    rows += [_remark("→", "red", "", row.hint) for row in plan.refusals if row.hint]
    rows += _alternatives(plan)
    rows += ["", combinations(plan)] if any(cell.fits for cell in plan.combinations) else []
    rows += _figures(plan)
    rows += [_remark("!", "yellow", row.reason, row.hint) for row in plan.warnings]
    rows += _notes(plan)
    if plan.fits:
        rows += ["", *(Text(line) for line in command_lines(plan, width))]
    return rows


def _title(plan: Plan) -> Text:
    requests = "" if plan.concurrency is None else f" · {plan.concurrency} requests"
    return Text.assemble(
        (plan.model, "bold"),
        (f" on {plan.gpus}x{plan.gpu}", "bold"),
        f" · {plan.engine} {plan.engine_version} · {plan.quantization} · {plan.dtype}"
        f" · context {plan.context:,}{requests}",
    )


def _bar(plan: Plan, width: int) -> Text:
    """Letters in proportion; `!` is what lacks beyond the GPU's end."""
    sizes = {letter: max(0.0, getattr(plan, field)) for _, letter, _, field in _SEGMENTS}
    used = sum(sizes.values())
    lacking = max(0.0, -plan.kv_gib) if not plan.fits else 0.0
    scale = width / max(plan.total_gib, used)
    bar = Text(no_wrap=True, overflow="crop")
    drawn = 0.0
    for _, letter, style, _ in _SEGMENTS:
        start, drawn = round(drawn * scale), drawn + sizes[letter]
        bar.append(letter * (round(drawn * scale) - start), style)
    if lacking and used > plan.usable_gib:
        end = min(width - 1, round(plan.usable_gib * scale))
        return Text.assemble(
            bar[:end], (_LACKING * (len(bar) - end), "white on red"), _FREE * (width - len(bar))
        )
    return bar.append(_FREE * (width - len(bar)), "dim")


def _legend(plan: Plan, width: int) -> Text:
    """What the letters mean, in GiB; an entry is never broken over two lines."""
    entries = []
    for name, letter, style, field in _SEGMENTS:
        if (gib := getattr(plan, field)) > 0:
            entries.append(Text.assemble((letter, style), f" {name} {gib:.2f}"))
    if plan.kv_gib < 0:
        entries.append(Text.assemble((_LACKING, "white on red"), f" lacking {-plan.kv_gib:.2f}"))
    entries.append(Text(f"{_FREE} reserve {plan.reserve_gib:.2f}"))
    entries.append(Text(f"of {plan.total_gib:.2f} GiB{' each' if plan.gpus > 1 else ''}"))
    lines = [entries[0]]
    for entry in entries[1:]:
        joined = Text.assemble(lines[-1], "  ", entry)
        lines[-1:] = [joined] if len(joined) <= width else [lines[-1], entry]
    return Text("\n").join(lines)


def _verdict(plan: Plan) -> Text:
    mark, style = _MARKS[plan.verdict]
    if not plan.fits:
        return Text.assemble((mark, style), "  ", plan.reason)
    return Text.assemble(
        (mark, style),
        f"  {plan.kv_tokens:,} tokens of cache: {plan.max_concurrency:,.1f} requests of {plan.context:,} tokens at once",
    )


def _remark(mark: str, style: str, *sentences: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(mark, style=f"bold {style}"), Text(" ".join(filter(None, sentences))))
    return grid


def _alternatives(plan: Plan) -> list[RenderableType]:
    if plan.fits:
        return []
    if plan.nearest is None:
        return [Text("No change of quantization, GPU or their number was found that works.", style="bold")]
    table = Table(box=None, pad_edge=False)
    for column in ("change", "GPUs", "quantization", "dtype", "context", "requests held"):
        table.add_column(column, justify="right" if column in ("context", "requests held") else "left")
    for row in plan.alternatives:
        table.add_row(
            row.change,
            f"{row.gpus}x{row.gpu}",
            row.quantization,
            row.dtype,
            f"{row.context:,}",
            f"{row.max_concurrency:,.1f}",
        )
    return ["", Text("what works, smallest change first", style="bold"), table]


def combinations(plan: Plan) -> RenderableType:
    """Rows are tokens a request, columns requests at once; of those that hold nothing, the first is shown."""
    cells = _trimmed(plan.combinations)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", justify="right")
    for number in sorted({cell.concurrency for cell in cells}):
        table.add_column(str(number), justify="right", min_width=3)
    for context, row in groupby(cells, key=lambda cell: cell.context):
        marks = [Text("yes", style="green") if cell.fits else Text("-", style="dim") for cell in row]
        table.add_row(f"{context:,}", *marks, style="bold" if context == plan.context else "")
    return Group(Text("tokens a request (down) held for so many requests at once (across)"), table)


def _trimmed(cells: Sequence[Combination]) -> list[Combination]:
    """Without the contexts and numbers of requests beyond the first that holds nothing."""
    fitting = [cell for cell in cells if cell.fits]
    deepest = max(cell.context for cell in fitting)
    widest = max(cell.concurrency for cell in fitting)
    context = min((cell.context for cell in cells if cell.context > deepest), default=deepest)
    requests = min((cell.concurrency for cell in cells if cell.concurrency > widest), default=widest)
    return [cell for cell in cells if cell.context <= context and cell.concurrency <= requests]


def _figures(plan: Plan) -> list[RenderableType]:
    """Speed, energy and cost, each on a line or two."""
    lines: list[str] = []
    if (speed := plan.speed) is not None:
        lines.append(
            f"speed   {range_text(speed.output_tokens_per_second)} tokens/s for {speed.requests} request"
            f"{'' if speed.requests == 1 else 's'} at once "
            f"of {plan.workload.input_tokens} tokens in, {plan.workload.output_tokens} out; first token after "
            f"{range_text(speed.first_token_seconds)} s"
        )
    if (costs := plan.costs) is not None and costs.wh_per_1k_tokens is not None:
        money = [
            f"{name} {range_text(figures)} {costs.currency}"
            for name, figures in (
                ("electricity", costs.electricity_per_1k_tokens),
                ("rent", costs.rent_per_1k_tokens),
            )
            if figures is not None
        ]
        energy = f"{range_text(costs.wh_per_1k_tokens)} Wh for 1,000 tokens"
        lines.append(f"energy  {', '.join([energy, *money])}")
    return ["", *(Text(line) for line in lines)] if lines else []


def range_text(figures: Range) -> str:
    """Both ends, or one figure where they read the same."""
    low, high = (_digits(number) for number in (figures.low, figures.high))
    return low if low == high else f"{low} to {high}"


def _digits(number: float) -> str:
    """Two or three digits that count, without an exponent."""
    if number == 0:
        return "0"
    whole = math.floor(math.log10(abs(number))) + 1
    decimals = max(0, (_DIGITS if whole > 1 else _DIGITS - 1) - whole)
    return f"{number:,.{decimals}f}"


def _notes(plan: Plan) -> list[RenderableType]:
    notes = list(plan.notes)
    if plan.gpus_left:
        notes.append(f"{plan.gpus_left}x{plan.gpu} left, for replicas")
    return [Text("; ".join(notes), style="dim")] if notes else []


def command_lines(plan: Plan, width: int) -> list[str]:
    """Environment and flags as a shell takes them, a flag on the line of its value, `\\` at the end of a line."""
    words = [f"{name}={shlex.quote(value)}" for name, value in plan.environment.items()]
    words += [shlex.quote(word) for word in plan.program]
    for flag in plan.flags:
        if words and not flag.startswith("-") and words[-1].startswith("-") and " " not in words[-1]:
            words[-1] += f" {shlex.quote(flag)}"
        else:
            words.append(shlex.quote(flag))
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) + 3 > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


def explain(plan: Plan, console: Console) -> None:
    """Every term with its formula and where it comes from."""
    table = Table(title="terms of one GPU", title_justify="left")
    table.add_column("term")
    table.add_column("GiB", justify="right")
    table.add_column("formula", ratio=3, overflow="fold")
    table.add_column("source", ratio=2, overflow="fold")
    for part in plan.parts:
        table.add_row(part.name, f"{part.gib:.3f}", Text(part.formula), Text(part.source))
    console.print(table, highlight=False)
