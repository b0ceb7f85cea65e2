"""Plots of an evaluation."""

from __future__ import annotations

from matplotlib.figure import Figure

from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.summary import Summary
from pipelines.statistics import reliability


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
        bins = reliability([p for p, _ in pairs], [y for _, y in pairs])
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
    """Counts by label and verdict, with Neutral as a column."""
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
