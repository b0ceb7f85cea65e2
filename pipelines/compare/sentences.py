"""The conclusion in words."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.compare.conclusion import Conclusion, Finding, Status

_NAMES = {"tfidf": "TF-IDF", "length": "the length", "majority": "the majority"}


def sentence(conclusion: Conclusion) -> str:
    """What the rows show, and what they would need to show more."""
    candidates = [one for one in conclusion.findings if one.status is not Status.MAJORITY]
    rows = f"{conclusion.rows} rows of {conclusion.families} families"
    if conclusion.model is not None:
        return _named(conclusion, rows) + _not_shown(conclusion)
    best = max(candidates, key=lambda one: one.accuracy)
    if all(one.status is Status.NOT_BETTER for one in candidates):
        majority = conclusion.finding("majority").accuracy
        return (
            f"No model is shown to be better than the majority on these {rows} (best: {name_of(best.name)}, "
            f"{best.accuracy:.2f}; majority {majority:.2f}). It takes more rows, more labels or another model."
        )
    first = candidates[0]
    return f"Not shown which model does it, on these {rows}: {_reason(first, conclusion.margin)}." + (
        f" The best on these rows is {name_of(best.name)} ({best.accuracy:.2f})." if best != first else ""
    )


def name_of(name: str) -> str:
    """The name of a model or a baseline for people."""
    return _NAMES.get(name, name)


def points(share: float) -> str:
    """A share as points, at most one decimal."""
    return f"{100 * share:.1f}".removesuffix(".0")


def _named(conclusion: Conclusion, rows: str) -> str:
    finding = conclusion.finding(conclusion.model or "")
    others = [one for one in conclusion.findings if one.status is Status.SHOWN]
    which = "does it" if len(others) == 1 else "is the smallest that does it"
    return (
        f"{name_of(finding.name)} {which}: it loses at most {points(max(0.0, finding.upper))} points to any other "
        f"(95 % bound, margin {points(conclusion.margin)}, {rows})."
    )


def _not_shown(conclusion: Conclusion) -> str:
    """The best one that is not shown, with the rows that are missing."""
    open_ones = [one for one in conclusion.findings if one.status is Status.UNDECIDED]
    return f" {_reason(open_ones[0], conclusion.margin)}." if open_ones else ""


def _reason(finding: Finding, margin: float) -> str:
    return _REASONS[finding.status](finding, margin)


def _undecided(finding: Finding, margin: float) -> str:
    loss = (
        f"{name_of(finding.name)} may lose up to {points(finding.upper)} points to {name_of(finding.rival)}"
    )
    if finding.rows_more is None:
        return f"{loss} and lost {points(finding.loss)} here, so more rows alone will hardly show that it does it"
    return f"{loss} (margin {points(margin)}); {finding.rows_more} more rows would decide"


_REASONS: dict[Status, Callable[[Finding, float], str]] = {
    Status.UNDECIDED: _undecided,
    Status.WORSE: lambda f, m: (
        f"{name_of(f.name)} was the best on the calibration split and loses more than {points(m)} points here"
    ),
    Status.NOT_BETTER: lambda f, _: (
        f"{name_of(f.name)} was the best on the calibration split and is not better than the majority here"
    ),
}
