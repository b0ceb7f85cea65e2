"""The figures for a terminal, with words next to colors."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from signalbox.contracts.light import Light
from signalbox.top.figures import CertificateFigures, Figures
from signalbox.top.reading import Reading

_STYLES = {Light.GREEN: "green", Light.YELLOW: "yellow", Light.RED: "red"}
_NO_FIGURE = "–"
_LOST = frozenset({"suspended", "revoked", "expired"})


def screen(figures: Figures, reading: Reading) -> RenderableType:
    """Everything, from the question to the source."""
    parts: list[RenderableType] = [Text("May I trust it today?", style="bold"), Text()]
    parts.append(_languages(figures) if figures.languages else Text("No answers yet."))
    parts.append(
        _certificates(figures.certificates)
        if figures.certificates
        else Text("No certificate, so no answer is green: signalbox certify --plan")
    )
    parts += [Text(), *map(Text, _lines(figures)), Text()]
    parts.append(Text(f"Answers: {reading.period}. Source: {reading.source}.", style="dim"))
    return Group(*parts)


def _languages(figures: Figures) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("task", "language"):
        table.add_column(name, overflow="fold")
    for name in ("answers", *(light.value for light in Light), "error among green", "labels owed"):
        table.add_column(name, justify="right")
    for one in figures.languages:
        shares = [Text(_percent(one.shares[light]), style=_STYLES[light]) for light in Light]
        error = _percent(one.error)
        if one.error_bound is not None:
            error += f", at most {_percent(one.error_bound)}"
        if one.error_source == "evaluation":
            error += " (evaluation)"
        owed = _NO_FIGURE if one.labels_owed is None else f"{one.labels_owed:,.0f}"
        table.add_row(one.task, one.language, f"{one.answers:,.0f}", *shares, error, owed)
    return table


def _certificates(certificates: tuple[CertificateFigures, ...]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("certificate", overflow="fold")
    table.add_column("state")
    for name in ("detector", "age", "days left"):
        table.add_column(name, justify="right")
    for one in certificates:
        state = Text(one.state, style="red" if one.state in _LOST else "green")
        detector = _NO_FIGURE if one.detector is None else f"{_percent(one.detector)} of its limit"
        table.add_row(one.name, state, detector, _days(one.age_days), _days(one.days_left))
    return table


def _lines(figures: Figures) -> list[str]:
    energy, cost = figures.watthours_per_correct_green, figures.cost_per_correct_green
    lines = [
        f"Wh per correct green answer: {_NO_FIGURE if energy is None else f'{energy:.3g}'}",
        f"Cost per correct green answer: {_NO_FIGURE if cost is None else f'{cost:.3g}'}",
    ]
    if figures.down:
        lines.append(f"Models that do not answer: {', '.join(figures.down)}")
    if figures.spooled:
        lines.append(f"Rows that wait for the database: {figures.spooled:,.0f}")
    return lines


def _percent(share: float | None) -> str:
    return _NO_FIGURE if share is None else f"{share * 100:.1f} %"


def _days(days: float | None) -> str:
    return _NO_FIGURE if days is None else f"{days:.1f} d"
