"""The run as one SVG: memory, file handles and latency over time, with the faults in gray. No plotting library."""

from __future__ import annotations

import html
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.endurance.events import Trace, Window

Points = Sequence[tuple[float, float]]
_WIDTH, _PANEL, _LEFT, _TOP, _GAP = 900, 190, 70, 40, 50
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe and Ito
_BIN_SECONDS = 10.0
_RIGHT = _WIDTH - 20


def svg(trace: Trace, seconds: float) -> str:
    """Three panels over the same time axis."""
    services = sorted({sample.service for sample in trace.samples})
    panels = {
        "Resident memory, MiB": {
            name: [(s.second, s.mib) for s in trace.samples if s.service == name] for name in services
        },
        "Open file handles": {
            name: [(s.second, float(s.handles)) for s in trace.samples if s.service == name]
            for name in services
        },
        f"Latency by {_BIN_SECONDS:.0f} s, ms": _latencies(trace),
    }
    height = _TOP + len(panels) * (_PANEL + _GAP)
    body = [
        _panel(title, lines, trace, seconds, _TOP + number * (_PANEL + _GAP))
        for number, (title, lines) in enumerate(panels.items())
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">'
    return (
        "\n".join([head, f'<rect width="{_WIDTH}" height="{height}" fill="white"/>', *body, "</svg>"]) + "\n"
    )


def _latencies(trace: Trace) -> dict[str, list[tuple[float, float]]]:
    """Median and highest latency of `assess` in each bin."""
    bins: dict[float, list[float]] = {}
    for event in trace.events:
        if event.activity == "assess" and event.status:
            bins.setdefault(event.start // _BIN_SECONDS * _BIN_SECONDS, []).append(1000 * event.seconds)
    return {
        "assess, median": [(second, statistics.median(values)) for second, values in sorted(bins.items())],
        "assess, maximum": [(second, max(values)) for second, values in sorted(bins.items())],
    }


@dataclass(frozen=True)
class Axes:
    """Pixels of seconds and of values in one panel."""

    seconds: float
    highest: float
    top: float

    def x(self, second: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * min(second / self.seconds, 1)

    def y(self, value: float) -> float:
        return self.top + _PANEL * (1 - value / self.highest)


def _panel(title: str, lines: Mapping[str, Points], trace: Trace, seconds: float, top: float) -> str:
    highest = max((value for points in lines.values() for _, value in points), default=1.0) * 1.05 or 1.0
    axes = Axes(seconds, highest, top)
    parts = [f'<text x="{_LEFT}" y="{top - 8}" font-weight="bold">{html.escape(title)}</text>']
    parts += [_fault(window, axes) for window in trace.windows]
    parts += [_level(highest * share, axes) for share in (0.0, 0.5, 1.0)]
    for number, (name, points) in enumerate(lines.items()):
        color = _COLORS[number % len(_COLORS)]
        path = " ".join(f"{axes.x(second):.1f},{axes.y(value):.1f}" for second, value in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        place = f'x="{_LEFT + 180 + 130 * number}" y="{top - 8}"'
        parts.append(f'<text {place} fill="{color}">{html.escape(name)}</text>')
    step = max(1, int(seconds // 600))
    below = f'y="{top + _PANEL + 15}" text-anchor="middle"'
    minutes = range(0, int(seconds // 60) + 1, step)
    parts += [f'<text x="{axes.x(60 * minute):.1f}" {below}>{minute} min</text>' for minute in minutes]
    return "\n".join(parts)


def _fault(window: Window, axes: Axes) -> str:
    left, width = axes.x(window.start), max(axes.x(window.end) - axes.x(window.start), 1)
    box = f'x="{left:.1f}" y="{axes.top}" width="{width:.1f}" height="{_PANEL}" fill="#ddd"'
    return f"<rect {box}><title>{html.escape(window.fault)}</title></rect>"


def _level(value: float, axes: Axes) -> str:
    y = axes.y(value)
    line = f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#999" stroke-width=".5"/>'
    return f'{line}<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.0f}</text>'
