"""Words against letters: how well a decoder's answer is read, on the local decoder with the default model.

The first rows of each language and label of the calibration split, alternately. `tickets` is queried twice, once with
the words of its labels and once with letters; its prompt is changed only where it says what to answer with.
"""

from __future__ import annotations

import asyncio
import statistics
from collections import defaultdict
from pathlib import Path

from benchmarks.decoder import running_decoder
from pipelines.calibrate.job import query_all
from signalbox.contracts.labels import NEUTRAL, ranking
from signalbox.contracts.record import LabeledText
from signalbox.errors import ModelError
from signalbox.models.base import Answer
from signalbox.models.factory import make_decoder
from signalbox.settings import Settings
from signalbox.tasks import Task, load_data, load_task

ROWS = 40  # per language
TOKENS = 9  # the reader looks at eight
CASES = (("medical", "words"), ("tickets", "words"), ("tickets", "letters"))
# What the prompts of `tickets` say, and what they say for letters.
LETTERS = {
    "Answer with one of these words first": "Answer with the letter first",
    "Antworte zuerst mit einem dieser Wörter": "Antworte zuerst mit dem Buchstaben",
}


def run() -> list[dict[str, object]]:
    """One row per task, form and language."""
    with running_decoder() as settings:
        return [row for name, form in CASES for row in asyncio.run(_case(settings, name, form))]


async def _case(settings: Settings, name: str, form: str) -> list[dict[str, object]]:
    task = load_task(Path("tasks") / name)
    if form == "letters":
        task = with_letters(task)
    client = make_decoder(settings, task.model_copy(update={"max_answer_tokens": TOKENS}))
    try:
        rows = sample(task)
        answers = await query_all(client.answer, rows)
    finally:
        await client.close()
    return [_row(name, form, language, rows, answers) for language in task.languages]


def with_letters(task: Task) -> Task:
    """The task with letters as the answer."""
    languages = {}
    for code, spec in task.languages.items():
        system = spec.system
        for words, letter in LETTERS.items():
            system = system.replace(words, letter)
        languages[code] = spec.model_copy(update={"system": system})
    return task.model_copy(update={"answer": "letters", "languages": languages})


def sample(task: Task) -> list[LabeledText]:
    """The first rows of each language and label, equally many, in file order."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    rows = []
    for row in load_data(task, "calibration"):
        counts[row.language, row.label] += 1
        if counts[row.language, row.label] <= ROWS // len(task.names):
            rows.append(row)
    return rows


def _row(
    name: str, form: str, language: str, rows: list[LabeledText], answers: list[Answer | ModelError]
) -> dict[str, object]:
    pairs = [
        (row.label, answer)
        for row, answer in zip(rows, answers, strict=True)
        if row.language == language and isinstance(answer, Answer)
    ]
    best = [(label, ranking(answer.probabilities)[0]) for label, answer in pairs if answer.probabilities]
    masses = [answer.verdict_mass or 0.0 for _, answer in pairs]
    stated = [answer.stated for _, answer in pairs]
    return {
        "task": name,
        "form": form,
        "language": language,
        "rows": len(pairs),
        "neutral": sum(verdict == NEUTRAL for verdict in stated),
        "mass_mean": round(statistics.mean(masses), 3),
        "mass_min": round(min(masses), 3),
        "labels_stated": len({*stated} - {NEUTRAL}),
        "right_stated": sum(label == answer.stated for label, answer in pairs),
        "right_most_probable": sum(label == verdict for label, verdict in best),
        "p50_s": round(statistics.median(answer.latency_seconds for _, answer in pairs), 2),
    }
