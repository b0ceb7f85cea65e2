"""A plan on one screen. It reads the same without color: letters in the bar, words for the verdict."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from signalbox.capacity.cli.memory_bar import memory_bar, memory_legend
from signalbox.capacity.gpu_names import quantity
from signalbox.capacity.planner.result import Combination, Plan
from signalbox.capacity.speed.throughput import Interval

_HUNDREDTH = 0.01
_MARKS = {
    "fits": ("✓ fits", "bold green"),
    "does not fit": ("✕ does not fit", "bold red"),
    "unsupported": ("✕ unsupported", "bold red"),
}


def show(plan: Plan, console: Console) -> None:
    """Print the plan; nothing is wider than the console."""
    console.print(Group(*_screen(plan, console.width)), highlight=False)


def _screen(plan: Plan, width: int) -> list[RenderableType]:
    rows: list[RenderableType] = [
        _title(plan),
        memory_bar(plan, width),
        memory_legend(plan, width),
        _verdict(plan),
    ]
    rows += [Text.assemble(("hint: ", "bold"), row.hint) for row in plan.violations if row.hint]
    rows += _overruled(plan)
    rows += _alternatives(plan)
    rows += ["", combinations(plan)] if any(cell.fits for cell in plan.combinations) else []
    rows += _figures(plan)
    rows += _warnings(plan)
    rows += _notes(plan)
    if plan.fits and (plan.program or plan.environment):
        rows += ["", *(Text(line) for line in command_lines(plan, width))]
        rows += [Text(f"ollama pull {plan.checkpoint}")] if plan.engine == "ollama" else []
    return rows


def _title(plan: Plan) -> Text:
    requests = "" if plan.concurrency is None else f" · {plan.concurrency} requests"
    return Text.assemble(
        (_served(plan), "bold"),
        (f" on {quantity(plan.gpus, plan.gpu)}", "bold"),
        f" · {plan.engine} {plan.engine_version} · {plan.quantization} · {plan.dtype}"
        f" · context {plan.context:,}{requests}",
    )


def _served(plan: Plan) -> str:
    """The repository that was typed; a copy in another quantization is in the command."""
    return plan.checkpoint if plan.checkpoint and not plan.checkpoint_stored else plan.model


def _verdict(plan: Plan) -> Text:
    mark, style = _MARKS[plan.verdict]
    if not plan.fits:
        return Text.assemble((mark, style), "  ", plan.reason)
    if not plan.kv_bytes_per_token and plan.pooling:
        return Text.assemble((mark, style), f"  {plan.reason} {_texts(plan)}")
    return Text.assemble(
        (mark, style),
        f"  {plan.kv_tokens:,} tokens in the KV cache: {plan.max_concurrency:,.1f} concurrent requests of "
        f"{plan.context:,} tokens{_each_rank(plan)}",
    )


def _texts(plan: Plan) -> str:
    number = int(plan.max_concurrency)
    return f"Each step reads up to {number} text{'' if number == 1 else 's'} of {plan.context:,} tokens."


def _each_rank(plan: Plan) -> str:
    return f", on each of {plan.data_parallel} ranks" if plan.data_parallel > 1 else ""


def _overruled(plan: Plan) -> list[RenderableType]:
    if not plan.overruled:
        return []
    rules = ", ".join(plan.overruled)
    return [_labeled("warning", "yellow", f"unproven, allowed by --allow-unproven: {rules}")]


def _warnings(plan: Plan) -> list[RenderableType]:
    return [_labeled("warning", "yellow", _sentences(row.reason, row.hint)) for row in plan.warnings]


def _labeled(label: str, style: str, text: str) -> Text:
    return Text.assemble((f"{label}: ", f"bold {style}"), text)


def _sentences(reason: str, hint: str) -> str:
    """Reason and hint in one line; a reason alone is a fragment without a period."""
    if not hint:
        return reason.rstrip(".")
    return f"{reason.rstrip('.')}. {hint[:1].upper()}{hint[1:].rstrip('.')}."


def _requests(number: int) -> str:
    return f"{number} concurrent request{'' if number == 1 else 's'}"


def _alternatives(plan: Plan) -> list[RenderableType]:
    if plan.fits:
        return []
    if plan.nearest is None:
        return [Text("No option fits: no other quantization, GPU or number of GPUs.", style="bold")]
    table = Table(box=None, pad_edge=False)
    for column in ("change", "GPUs", "quantization", "dtype"):
        table.add_column(column)
    for column in ("context", "requests"):
        table.add_column(column, justify="right")
    for row in plan.alternatives:
        table.add_row(
            row.change,
            quantity(row.gpus, row.gpu),
            row.quantization,
            row.dtype,
            f"{row.context:,}",
            f"{row.max_concurrency:,.1f}",
        )
    return ["", Text("options that fit, smallest change first", style="bold"), table]


def combinations(plan: Plan) -> RenderableType:
    """Rows are tokens per request, columns concurrent requests; of those that fit nothing, only the first."""
    cells = _trimmed(plan.combinations)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", justify="right")
    for number in sorted({cell.concurrency for cell in cells}):
        table.add_column(str(number), justify="right", min_width=3)
    for context, row in groupby(cells, key=lambda cell: cell.context):
        marks = [Text("yes", style="green") if cell.fits else Text("-", style="dim") for cell in row]
        table.add_row(f"{context:,}", *marks, style="bold" if context == plan.context else "")
    largest = Text(f"largest context of a single request: {plan.largest_context:,} tokens")
    return Group(Text("fits: tokens per request (rows) × concurrent requests (columns)"), table, largest)


def _trimmed(cells: Sequence[Combination]) -> list[Combination]:
    """Without the contexts and numbers of requests beyond the first that fits nothing."""
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
            f"throughput {interval_text(speed.output_tokens_per_second)} tok/s at {_requests(speed.requests)} "
            f"({plan.workload.input_tokens} in, {plan.workload.output_tokens} out), "
            f"TTFT {interval_text(speed.first_token_seconds)} s"
        )
    if (costs := plan.costs) is not None and costs.wh_per_1k_tokens is not None:
        prices = (("electricity", costs.electricity_per_1k_tokens), ("rent", costs.rent_per_1k_tokens))
        money = [
            f"{name} {interval_text(cost)} {costs.currency}" for name, cost in prices if cost is not None
        ]
        energy = f"energy {interval_text(costs.wh_per_1k_tokens)} Wh"
        lines.append(f"{', '.join([energy, *money])} per 1,000 tokens")
    return ["", *(Text(line) for line in lines)] if lines else []


def interval_text(interval: Interval) -> str:
    """Both ends, or one figure where they read the same."""
    low, high = (_digits(number) for number in (interval.low, interval.high))
    return low if low == high else f"{low}–{high}"


def _digits(number: float) -> str:
    """Two significant digits, but whole numbers in full and hundredths without a third decimal; no exponent."""
    if number == 0:
        return "0"
    exponent = math.floor(math.log10(abs(float(f"{number:.1e}"))))  # of the rounded number: 9.96 is 10
    decimals = max(0, 1 - exponent)
    if abs(number) >= _HUNDREDTH:
        decimals = min(decimals, 2)
    return f"{number:,.{decimals}f}"


def _notes(plan: Plan) -> list[RenderableType]:
    notes = list(plan.notes)
    if plan.gpus_left:
        notes.append(f"{quantity(plan.gpus_left, plan.gpu)} free for further replicas")
    return [Text(f"note: {note}", style="dim") for note in notes]


def command_lines(plan: Plan, width: int) -> list[str]:
    """Environment and flags for a shell: a flag on the line of its value, `\\` at the end of a line."""
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
    """Print every term with its formula and source."""
    table = Table(title="terms of one GPU", title_justify="left")
    table.add_column("term")
    table.add_column("GiB", justify="right")
    table.add_column("formula", ratio=3, overflow="fold")
    table.add_column("source", ratio=2, overflow="fold")
    for part in plan.parts:
        table.add_row(part.name, f"{part.gib:.3f}", Text(part.formula), Text(part.source))
    console.print(table, highlight=False)
