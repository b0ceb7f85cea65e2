"""How much is green, and how much of that is wrong: on texts like those of the campaign, and on the test split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from local.demo import reviewer
from local.demo.certification import send
from local.demo.stream import Stream
from pipelines.statistics.sampling import exact_interval
from signalbox import assessor_client
from signalbox.contracts.record import LabeledText
from signalbox.contracts.routes import ModelName
from signalbox.settings import Settings
from signalbox.tasks import Task, evaluation_rows

HEADER = ("texts", "language", "green", "wrong", "true error (95 %)")
_TEXTS: Mapping[ModelName, int] = {"encoder": 300, "decoder": 60}


@dataclass(frozen=True)
class Green:
    """Answers to texts with known labels, how many are green, and how many of these are wrong."""

    texts: str
    language: str
    answers: int
    green: int
    wrong: int


def measure(
    settings: Settings, task: Task, stream: Stream, route: ModelName, console: Console
) -> tuple[list[Green], list[tuple[LabeledText, Mapping[str, Any]]]]:
    """The figures on new texts of users and on the test split; and the users' texts with their predictions.

    Answers that are shown red to get a label count as not green; the reviewer gives it.
    """
    figures: list[Green] = []
    answers: list[tuple[LabeledText, Mapping[str, Any]]] = []
    for language in stream.languages:
        rows = stream.take(language, _TEXTS[route])
        pairs = list(zip(rows, send(settings, rows, route, console), strict=True))
        reviewer.judge_requested(settings, pairs)
        figures.append(figures_of("new texts of users", language, pairs, task))
        answers += pairs
    for language in stream.languages:
        rows = [row for row in evaluation_rows(task) if row.language == language]
        figures.append(figures_of("test split", language, _evaluated(settings, rows, route), task))
    return figures, answers


def figures_of(
    texts: str, language: str, pairs: Iterable[tuple[LabeledText, Mapping[str, Any]]], task: Task
) -> Green:
    """The counts of one language."""
    rows = list(pairs)
    green = [(row, answer) for row, answer in rows if answer["light"]["color"] == "green"]
    wrong = sum(task.verdict_of(row.label) != answer["verdict"] for row, answer in green)
    return Green(texts, language, len(rows), len(green), wrong)


def show(figures: Sequence[Green], alpha: float, console: Console) -> None:
    """One row per kind of text and language; the interval is that of Clopper and Pearson."""
    table = Table(
        *HEADER, title=f"Green answers (the certificate promises a true error of at most {alpha:.0%})"
    )
    for one in figures:
        share = f"{one.green} of {one.answers} ({one.green / one.answers:.0%})"
        table.add_row(one.texts, one.language, share, str(one.wrong), _error(one))
    console.print(table)


def _error(one: Green) -> str:
    if not one.green:
        return "nothing is green"
    low, high = exact_interval(one.wrong / one.green, one.green)
    return f"{one.wrong / one.green:.2f} ({low:.2f}-{high:.2f})"


def _evaluated(
    settings: Settings, rows: Sequence[LabeledText], route: ModelName
) -> list[tuple[LabeledText, Mapping[str, Any]]]:
    pairs: list[tuple[LabeledText, Mapping[str, Any]]] = []
    for start in range(0, len(rows), settings.max_texts):
        part = rows[start : start + settings.max_texts]
        texts = [row.text for row in part]
        answers = assessor_client.assess(settings, texts, part[0].language, route, source="evaluation")
        pairs += zip(part, answers, strict=True)
    return pairs
