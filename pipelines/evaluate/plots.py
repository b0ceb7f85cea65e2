"""Plots of an evaluation."""

from __future__ import annotations

from matplotlib.figure import Figure

from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.summary import Summary, certainties
from pipelines.statistics import reliability
from pipelines.strata import Stratum

_CELL_INCHES = 0.6  # of a confusion matrix: its font is as large for twenty labels as for two


def reliability_figure(evaluation: Evaluation, stratum: Stratum) -> Figure:
    """Share of true labels over probability, with the number of answers in each of ten bins.

    Two labels: the positive one over its probability. More: right answers over the score.
    """
    records, rows = evaluation.of(stratum)
    numbers, truth = certainties(records, [row.label for row in rows], evaluation.classes)
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="perfectly calibrated")
    if numbers:
        points = [
            (b.mean_probability, b.share_true, b.count)
            for b in reliability(numbers, truth)
            if b.mean_probability is not None and b.share_true is not None
        ]
        axes.plot([x for x, _, _ in points], [y for _, y, _ in points], marker="o", label=evaluation.route)
        for x, y, count in points:
            axes.annotate(f"n={count}", (x, y), textcoords="offset points", xytext=(5, 5))
    positive = evaluation.classes.positive
    number, share = ("score", "right answers") if positive is None else (f"p({positive})", positive)
    axes.set(
        xlabel=f"mean {number} in bin", ylabel=f"share of {share}", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02)
    )
    axes.set_title(f"{evaluation.task}, {stratum.title}, {evaluation.route}: n = {len(numbers)}, 10 bins")
    axes.legend(loc="upper left")
    return figure


def confusion_figure(summary: Summary) -> Figure:
    """Counts by label and verdict, with Neutral as a column."""
    rows = list(summary.confusion)
    columns = list(summary.confusion[rows[0]])
    counts = [[summary.confusion[label][column] for column in columns] for label in rows]
    size = (2 + max(3.0, _CELL_INCHES * len(columns)), 1.5 + max(1.5, _CELL_INCHES * len(rows)))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues", vmin=0)
    top = max(map(max, counts))
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            axes.text(
                j, i, str(count), ha="center", va="center", color="white" if count > top / 2 else "black"
            )
    axes.set_xticks(range(len(columns)), columns)
    if len(columns) > 3:
        axes.tick_params(axis="x", labelrotation=45)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel="verdict", ylabel="label", title=f"{summary.stratum.title}: n = {summary.rows}")
    return figure
