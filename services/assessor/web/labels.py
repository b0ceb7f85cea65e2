"""How the page shows labels: their words, the bars of their probabilities, and the choices of a person. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from services.assessor.web.language import Texts
from signalbox.contracts.labels import Label, LabelProbabilities, Verdict, ranking
from signalbox.tasks import Task

# More answers are a list with a filter.
MOST_BUTTONS = 6
# Of more bars than `_MOST_BARS`, the first ones are shown at once and the others behind a summary.
_MOST_BARS, _FIRST_BARS = 6, 5
_KEYS = "123456789"


@dataclass(frozen=True)
class Bar:
    """A label with its probability: in words, and as the length of a bar in percent."""

    word: str
    probability: str
    length: str
    is_verdict: bool


@dataclass(frozen=True)
class Choice:
    """An answer that a person may give. `key`: the key of the keyboard that selects it, if there is one."""

    label: Label
    word: str
    description: str
    key: str | None


def task_language(task: Task, t: Texts) -> str:
    """The page's language if the task has it, else the task's first one."""
    return t.language if t.language in task.languages else next(iter(task.languages))


def word_of(verdict: Verdict, task: Task, t: Texts) -> str:
    """The word of a verdict or a label: the task's, in the page's language if the task has it."""
    return task.word(verdict, task_language(task, t))


def choices(task: Task, t: Texts) -> list[Choice]:
    """The answers that a person may give, in order."""
    language = task_language(task, t)
    return [
        Choice(
            label,
            word_of(label, task, t),
            task.description(label, language),
            _KEYS[index] if index < len(_KEYS) else None,
        )
        for index, label in enumerate(task.answers)
    ]


def bars(
    probabilities: LabelProbabilities | None, verdict: Verdict | None, task: Task, t: Texts
) -> list[Bar]:
    """One bar per label: two labels in the order of the task, more of them by probability."""
    if not probabilities:
        return []
    order = list(probabilities) if len(probabilities) == 2 else ranking(probabilities)
    return [
        Bar(
            word_of(label, task, t),
            t.percent(probabilities[label]),
            f"{100 * probabilities[label]:.2f}%",
            label == verdict,
        )
        for label in order
    ]


def folded(rows: list[Bar]) -> tuple[list[Bar], list[Bar]]:
    """The bars to show at once, and those behind a summary."""
    first = len(rows) if len(rows) <= _MOST_BARS else _FIRST_BARS
    return rows[:first], rows[first:]


def runner_up(rows: list[Bar]) -> Bar | None:
    """The most probable label after the verdict; None where the other one of two labels is meant anyway."""
    if len(rows) == 2 or not any(bar.is_verdict for bar in rows):
        return None
    return next(bar for bar in rows if not bar.is_verdict)
