"""The figures of the evidence as a table for people, and as flat values for MLflow."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.evaluate.report import number
from pipelines.evidence.result import ORDERS, Figures, Mean, Result, Share
from pipelines.statistics import Interval


def markdown(result: Result) -> str:
    """A table with a column for each language."""
    figures = result.figures
    left_out = f" {result.left_out} texts had no verdict and are left out." if result.left_out else ""
    columns = [_column(f) for f in figures.values()]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return "\n\n".join(
        [
            f"**{result.task}, {result.model}**: {result.release}.{left_out}",
            _table(("figure", *figures), rows),
        ]
    )


def flat(figures: Figures) -> dict[str, float]:
    """Names and values for MLflow, bounds of intervals included."""
    values: dict[str, float | None] = {"texts": figures.rows, "pointing_random": figures.pointing_random}
    for name in ORDERS:
        values |= _of_mean(f"comprehensiveness_{name}", figures.comprehensiveness.get(name))
        values |= _of_mean(f"sufficiency_{name}", figures.sufficiency.get(name))
    values |= _of_mean("comprehensiveness_gain", figures.gain_comprehensiveness)
    values |= _of_mean("sufficiency_gain", figures.gain_sufficiency)
    values |= _of_mean("comprehensiveness_gain_new_sets", figures.new_comprehensiveness)
    values |= _of_mean("sufficiency_gain_new_sets", figures.new_sufficiency)
    shares = ("right", "pointing", "pointing_if_right", "pointing_first", "pointing_longest")
    for name in (*shares, "decisive_for", "background_relevant"):
        share: Share = getattr(figures, name)
        values |= {name: share.value, **_bounds(name, share.interval)}
    return {name: value for name, value in values.items() if value is not None}


def _column(figures: Figures) -> dict[str, str]:
    """The figures of one language as text, by the name of their line."""
    return {
        "texts": str(figures.rows),
        "verdict right": _share(figures.right),
        "texts whose orders were measured": str(figures.ordered_rows),
        **{f"comprehensiveness, {n}": _mean(figures.comprehensiveness.get(n)) for n in ORDERS},
        "comprehensiveness, evidence less random": _mean(figures.gain_comprehensiveness),
        **{f"sufficiency, {n}": _mean(figures.sufficiency.get(n)) for n in ORDERS},
        "sufficiency, evidence less random": _mean(figures.gain_sufficiency),
        "of these, texts of three sentences or more": str(figures.new_rows),
        "comprehensiveness on new sets, evidence less random": _mean(figures.new_comprehensiveness),
        "sufficiency on new sets, evidence less random": _mean(figures.new_sufficiency),
        "pointing accuracy": _share(figures.pointing),
        "pointing accuracy, verdict right": _share(figures.pointing_if_right),
        "pointing by chance": f"{figures.pointing_random:.2f}",
        "pointing at the first sentence": number(figures.pointing_first.value),
        "pointing at the longest sentence": number(figures.pointing_longest.value),
        "decisive sentence marked “for”": _share(figures.decisive_for),
        "background sentence marked relevant": _share(figures.background_relevant),
    }


def _table(head: Sequence[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _of_mean(name: str, mean: Mean | None) -> dict[str, float | None]:
    if mean is None:
        return {}
    return {name: mean.value, **_bounds(name, mean.interval)}


def _bounds(name: str, interval: Interval) -> dict[str, float | None]:
    return {f"{name}_low": interval[0], f"{name}_high": interval[1]}


def _mean(mean: Mean | None) -> str:
    if mean is None:
        return ""
    low, high = mean.interval
    return f"{mean.value:.3f} ({low:.3f} to {high:.3f})"


def _share(share: Share) -> str:
    if share.value is None:
        return ""
    low, high = share.interval
    return f"{share.value:.2f} ({low:.2f} to {high:.2f})"
