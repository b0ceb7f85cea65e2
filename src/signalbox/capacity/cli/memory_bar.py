"""The memory of one GPU as a bar of letters, and its legend."""

from __future__ import annotations

from rich.text import Text

from signalbox.capacity.planner.result import Plan

_SEGMENTS = (
    ("weights", "W", "white on blue", "weights_gib"),
    ("activation", "A", "black on yellow", "activation_gib"),
    ("graphs", "G", "white on magenta", "graphs_gib"),
    ("non-torch", "N", "black on cyan", "non_torch_gib"),
    ("KV cache", "K", "black on green", "kv_gib"),
)
_FREE, _SHORT = "·", "!"


def memory_bar(plan: Plan, width: int) -> Text:
    """Letters in proportion; `!` is what does not fit into the GPU."""
    sizes = {letter: max(0.0, getattr(plan, field)) for _, letter, _, field in _SEGMENTS}
    used = sum(sizes.values())
    short = max(0.0, -plan.kv_gib) if not plan.fits else 0.0
    scale = width / max(plan.total_gib, used)
    bar = Text(no_wrap=True, overflow="crop")
    end = 0.0
    for _, letter, style, _ in _SEGMENTS:
        start, end = end, end + sizes[letter]
        bar.append(letter * (round(end * scale) - round(start * scale)), style)
    if short and used > plan.usable_gib:
        limit = min(width - 1, round(plan.usable_gib * scale))
        return Text.assemble(
            bar[:limit], (_SHORT * (len(bar) - limit), "white on red"), _FREE * (width - len(bar))
        )
    return bar.append(_FREE * (width - len(bar)), "dim")


def memory_legend(plan: Plan, width: int) -> Text:
    """What the letters mean, in GiB; an entry is never broken over two lines."""
    entries = []
    for name, letter, style, field in _SEGMENTS:
        if (gib := getattr(plan, field)) > 0:
            entries.append(Text.assemble((letter, style), f" {name} {gib:.2f}"))
    if plan.kv_gib < 0:
        entries.append(Text.assemble((_SHORT, "white on red"), f" short by {-plan.kv_gib:.2f}"))
    entries.append(Text(f"{_FREE} reserve {plan.reserve_gib:.2f}"))
    entries.append(Text(f"of {plan.total_gib:.2f} GiB{' each' if plan.gpus > 1 else ''}"))
    lines = [entries[0]]
    for entry in entries[1:]:
        joined = Text.assemble(lines[-1], "  ", entry)
        lines[-1:] = [joined] if len(joined) <= width else [lines[-1], entry]
    return Text("\n").join(lines)
