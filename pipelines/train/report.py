"""A trained release for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.strata import Stratum
from pipelines.train.cross_validation import FEWEST_ROWS, HeldOut, Score
from pipelines.train.learning_curve import Gain, LearningCurve
from pipelines.train.release import TrainedRelease

_LEFT_OUT = {
    "held_out": "on texts of the calibration or test split",
    "known": "on texts of the few-shot or pool split",
    "repeated": "on texts that a newer entry labels as well",
    "contradicted": "of these with another label than the newer entry",
}


def show(result: TrainedRelease, console: Console) -> None:
    """What was learned from, the candidates' scores, the learning curve, and where the release is."""
    training = result.training
    for name, count in training.truth.left_out().items():
        console.print(f"ground truth left out: {count} {_LEFT_OUT[name]}", highlight=False)
    languages = list(training.scores[0].log_loss)
    kinds = [f"{kind} {one}" for one in languages for kind in ("accuracy", "loss")]
    table = _table(
        f"Cross-validation over families, {result.rows} rows: accuracy (95 %), log loss",
        ["", "candidate", *kinds],
    )
    for score in training.scores:
        mark = "→" if score.candidate == result.candidate else ""
        table.add_row(mark, score.candidate.name, *_cells(score, languages))
    console.print(table)
    console.print(
        "Chosen by the log loss, of which each language counts alike. "
        f"Fewer than {FEWEST_ROWS} rows of a language are too few for an accuracy.",
        soft_wrap=True,
    )
    show_curve(result.curve, console)
    console.print(f"release {result.release.key}", soft_wrap=True, highlight=False)
    console.print(f"in {result.folder}; the encoder loads it at its next start", soft_wrap=True)


def show_curve(curve: LearningCurve, console: Console) -> None:
    """Accuracy over labels by tier and language, and a sentence for each on what more labels would gain."""
    if not curve.points:
        console.print("learning curve: too few labels or families to hold any out")
        return
    strata = list(dict.fromkeys(Stratum(point.tier, point.language) for point in curve.points))
    cells = {
        (point.labels, Stratum(point.tier, point.language)): _with_interval(
            point.accuracy, point.low, point.high
        )
        for point in curve.points
    }
    title = f"Learning curve of {curve.candidate}"
    table = _table(title, ["labels per language", *(stratum.title for stratum in strata)])
    for size in sorted({point.labels for point in curve.points}):
        table.add_row(str(size), *(cells.get((size, stratum), "") for stratum in strata))
    console.print(table)
    for gain in curve.gains:
        console.print(sentence(gain), soft_wrap=True, highlight=False)


def sentence(gain: Gain) -> str:
    """What more labels would gain, or that nobody can say."""
    where = Stratum(gain.tier, gain.language).title
    slope = f"{gain.per_doubling:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) for twice the labels"
    if gain.more_labels is None:
        return f"{where}: cannot say whether more labels help: {slope}"
    return f"{where}: about {gain.more_labels} labels more than {gain.labels} gain a point: {slope}"


def _cells(score: Score, languages: Sequence[str]) -> list[str]:
    return [
        cell for one in languages for cell in (_accuracy(score.accuracy[one]), f"{score.log_loss[one]:.3f}")
    ]


def _accuracy(held_out: HeldOut | None) -> str:
    if held_out is None:
        return "too few"
    return _with_interval(held_out.accuracy, *held_out.interval)


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{value:.2f} ({low:.2f}-{high:.2f})"


def _table(title: str, header: Sequence[str]) -> Table:
    """Without borders, so that no interval is cut at 80 columns."""
    return Table(*header, title=title, box=box.SIMPLE, pad_edge=False)
