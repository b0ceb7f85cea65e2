"""An evaluation as Markdown and as named numbers."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.summary import LightShare, Summary
from pipelines.statistics import Interval, LabelFigures

_BASELINES = ("majority", "length", "tfidf")
_SCORES = ("Brier", "ECE of p (chance)", "AUC")
_QUALITY = ("accuracy (95 %)", "balanced", "macro F1")
_FIGURES = ("tier", "language", "n", *_QUALITY, *_BASELINES, *_SCORES, "p50 s", "p95 s")
_LABELS = ("tier", "language", "label", "n", "precision (95 %)", "recall (95 %)", "F1", "AUC")
_LIGHTS = ("green", "yellow", "red")


def markdown(evaluation: Evaluation) -> str:
    """Tables of all figures."""
    summaries = list(evaluation.summaries.values())
    lines = [f"# {evaluation.task}: {evaluation.route}", "", f"Release: `{evaluation.release_key}`", ""]
    lines += table(_FIGURES, [_figures(summary) for summary in summaries])
    for title, pick in (("shown", "lights"), ("if certified", "candidate_lights")):
        lines += ["", f"Light {title}: coverage, error among them (95 %)", ""]
        shares = [(_stratum(summary), getattr(summary, pick)) for summary in summaries]
        lines += table(
            ("tier", "language", *_LIGHTS), [[*s, *(_share(here[k]) for k in _LIGHTS)] for s, here in shares]
        )
    lines += ["", *table(_LABELS, [row for summary in summaries for row in _label_rows(summary)])]
    columns = list(dict.fromkeys(c for s in summaries for row in s.confusion.values() for c in row))
    header = ("tier", "language", "label", *(f"answer {column}" for column in columns))
    return "\n".join([*lines, "", *table(header, _confusion(summaries, columns))]) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; a bar in a cell does not end it."""
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in (header, *rows)]
    return [lines[0], "|" + "---|" * len(header), *lines[1:]]


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """E.g. `0.55 (0.46-0.64)`."""
    return f"{value:.2f} ({interval[0]:.2f}-{interval[1]:.2f})"


def flat(summary: Summary) -> dict[str, float]:
    """The figures by name, without those that do not exist; those of a label have its slug."""
    values: dict[str, float | None] = {
        "accuracy": summary.accuracy,
        "accuracy_low": summary.interval[0],
        "accuracy_high": summary.interval[1],
        "balanced_accuracy": summary.balanced_accuracy,
        "macro_f1": summary.macro_f1,
        "brier": summary.brier,
        "ece": summary.ece,
        "ece_floor": summary.ece_floor,
        "auc": summary.auc,
        "verdict_mass": summary.verdict_mass,
        "tokens_per_second": summary.tokens_per_second,
        **{f"baseline_{name}": value for name, value in summary.baselines.items()},
        **{f"latency_p{q * 100:g}_seconds": value for q, value in summary.latency_seconds.items()},
        **_of_lights("", summary.lights),
        **_of_lights("candidate_", summary.candidate_lights),
        **_of_labels(summary),
    }
    if summary.lengths:
        values |= {f"answer_{name}": value for name, value in vars(summary.lengths).items()}
    return {name: value for name, value in values.items() if value is not None}


def _of_lights(prefix: str, shares: dict[str, LightShare]) -> dict[str, float | None]:
    coverage: dict[str, float | None] = {
        f"{prefix}coverage_{light}": share.coverage for light, share in shares.items()
    }
    return coverage | {f"{prefix}error_{light}": share.error for light, share in shares.items()}


def _of_labels(summary: Summary) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    for label, figures in summary.labels.items():
        slug = summary.slugs[label]
        values |= {f"{name}_{slug}": getattr(figures, name) for name in ("precision", "recall", "f1")}
        values[f"auc_{slug}"] = summary.auc_by_label.get(label)
    return values


def _figures(summary: Summary) -> list[str]:
    return [
        *_stratum(summary),
        str(summary.rows),
        with_interval(summary.accuracy, summary.interval),
        number(summary.balanced_accuracy),
        number(summary.macro_f1),
        *(f"{summary.baselines[name]:.2f}" for name in _BASELINES),
        number(summary.brier),
        _with_floor(summary.ece, summary.ece_floor),
        number(summary.auc),
        *(f"{summary.latency_seconds[q]:.3f}" for q in (0.5, 0.95)),
    ]


def _label_rows(summary: Summary) -> list[list[str]]:
    return [
        [*_stratum(summary), label, str(figures.rows), *_of_label(figures, summary.auc_by_label.get(label))]
        for label, figures in summary.labels.items()
    ]


def _of_label(figures: LabelFigures, auc: float | None) -> list[str]:
    precision = _ratio(figures.precision, figures.precision_interval)
    recall = _ratio(figures.recall, figures.recall_interval)
    return [precision, recall, number(figures.f1), number(auc)]


def _confusion(summaries: Sequence[Summary], columns: Sequence[str]) -> list[list[str]]:
    """A row for each language and label; a column that a language lacks has no answers there."""
    return [
        [*_stratum(summary), label, *(str(row.get(column, 0)) for column in columns)]
        for summary in summaries
        for label, row in summary.confusion.items()
    ]


def _share(share: LightShare) -> str:
    if share.error is None or share.error_interval is None:
        return "0 %"
    return f"{share.coverage:.0%}, {with_interval(share.error, share.error_interval)}"


def _ratio(value: float | None, interval: Interval | None) -> str:
    return "" if value is None or interval is None else with_interval(value, interval)


def _stratum(summary: Summary) -> tuple[str, str]:
    return summary.stratum.tier or "", summary.stratum.language


def _with_floor(error: float | None, floor: float | None) -> str:
    """The error, and below what chance alone stays: `0.09 (0.12)`."""
    return "" if error is None or floor is None else f"{error:.2f} ({floor:.2f})"


def number(value: float | None) -> str:
    """Two decimals, empty for no number."""
    return "" if value is None else f"{value:.2f}"
