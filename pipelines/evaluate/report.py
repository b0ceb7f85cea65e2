"""An evaluation for people: Markdown, plots, and its MLflow run."""

from __future__ import annotations

from typing import Any

import mlflow
from matplotlib.figure import Figure

from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.summary import ALL, Summary
from pipelines.statistics import proportions


def markdown(evaluation: Evaluation) -> str:
    """Tables of all figures."""
    lines = [f"# {evaluation.task}: {evaluation.route}", "", f"Release: `{evaluation.release_key}`", ""]
    lines += [
        "| language | n | accuracy (95 %) | majority | length | tf-idf | Brier | ECE | AUC | p50 s | p95 s |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|---|---|---|"]
    for s in evaluation.summaries.values():
        cells = [s.language, str(s.rows), with_interval(s.accuracy, s.interval)]
        cells += [f"{s.baselines[name]:.2f}" for name in ("majority", "length", "tfidf")]
        cells += [_number(s.brier), _number(s.ece), _number(s.auc)]
        cells += [f"{s.latency_seconds[0.5]:.3f}", f"{s.latency_seconds[0.95]:.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    for title, pick in (("shown", "lights"), ("if certified", "candidate_lights")):
        lines += ["", f"Light {title}: coverage, error among them (95 %)", ""]
        lines += ["| language | green | yellow | red |", "|---|---|---|---|"]
        for s in evaluation.summaries.values():
            shares = getattr(s, pick)
            lines.append(
                f"| {s.language} | {' | '.join(_share(shares[k]) for k in ('green', 'yellow', 'red'))} |"
            )
    lines += ["", "| language | label | said yes | said no | neutral |", "|---|---|---|---|---|"]
    for s in evaluation.summaries.values():
        for label, row in s.confusion.items():
            lines.append(f"| {s.language} | {label} | {row['yes']} | {row['no']} | {row['neutral']} |")
    return "\n".join(lines) + "\n"


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """E.g. `0.55 (0.46-0.64)`."""
    return f"{value:.2f} ({interval[0]:.2f}-{interval[1]:.2f})"


def log(evaluation: Evaluation) -> None:
    """Params, metrics, table and plots to the active MLflow run."""
    mlflow.log_params({"route": evaluation.route, "release": evaluation.release_key[:500]})
    for language, summary in evaluation.summaries.items():
        mlflow.log_metrics({f"{name}.{language}": value for name, value in flat(summary).items()})
    mlflow.log_text(markdown(evaluation), "evaluation.md")
    mlflow.log_dict({k: s.as_dict() for k, s in evaluation.summaries.items()}, "evaluation.json")
    mlflow.log_figure(reliability_figure(evaluation), "reliability.png")
    mlflow.log_figure(confusion_figure(evaluation.summaries[ALL]), "confusion.png")


def flat(summary: Summary) -> dict[str, float]:
    """The figures as named numbers; what does not exist is left out."""
    values: dict[str, float | None] = {
        "accuracy": summary.accuracy,
        "accuracy_low": summary.interval[0],
        "accuracy_high": summary.interval[1],
        "brier": summary.brier,
        "ece": summary.ece,
        "auc": summary.auc,
        "verdict_mass": summary.verdict_mass,
        "tokens_per_second": summary.tokens_per_second,
        **{f"baseline_{name}": value for name, value in summary.baselines.items()},
        **{f"latency_p{q * 100:g}_seconds": value for q, value in summary.latency_seconds.items()},
        **{f"coverage_{light}": share.coverage for light, share in summary.lights.items()},
        **{f"error_{light}": share.error for light, share in summary.lights.items()},
        **{
            f"candidate_coverage_{light}": share.coverage for light, share in summary.candidate_lights.items()
        },
        **{f"candidate_error_{light}": share.error for light, share in summary.candidate_lights.items()},
    }
    if summary.lengths:
        values |= {f"answer_{name}": value for name, value in vars(summary.lengths).items()}
    return {name: value for name, value in values.items() if value is not None}


def reliability_figure(evaluation: Evaluation) -> Figure:
    """Share of yes over p(yes), with the number of answers in each of ten bins."""
    pairs = [
        (record.p_yes, row.label == "yes")
        for record, row in zip(evaluation.records, evaluation.rows, strict=True)
        if record.p_yes is not None
    ]
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="perfectly calibrated")
    if pairs:
        bins = proportions.reliability([p for p, _ in pairs], [y for _, y in pairs])
        points = [
            (b.mean_p_yes, b.share_yes, b.count)
            for b in bins
            if b.mean_p_yes is not None and b.share_yes is not None
        ]
        axes.plot([x for x, _, _ in points], [y for _, y, _ in points], marker="o", label=evaluation.route)
        for x, y, count in points:
            axes.annotate(f"n={count}", (x, y), textcoords="offset points", xytext=(5, 5))
    axes.set(xlabel="mean p(yes) in bin", ylabel="share of yes", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_title(f"{evaluation.task}, {evaluation.route}: n = {len(pairs)}, 10 equal-width bins")
    axes.legend(loc="upper left")
    return figure


def confusion_figure(summary: Summary) -> Figure:
    """Label by verdict, Neutral as a column."""
    columns = ("yes", "no", "neutral")
    counts = [[summary.confusion[label][column] for column in columns] for label in ("yes", "no")]
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues", vmin=0)
    top = max(map(max, counts))
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            axes.text(
                j, i, str(count), ha="center", va="center", color="white" if count > top / 2 else "black"
            )
    axes.set_xticks(range(3), columns)
    axes.set_yticks(range(2), ["yes", "no"])
    axes.set(xlabel="verdict", ylabel="label", title=f"n = {summary.rows}")
    return figure


def _share(share: Any) -> str:  # noqa: ANN401
    if share.error is None:
        return "0 %"
    return f"{share.coverage:.0%}, {with_interval(share.error, share.error_interval)}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
