"""A scripted reviewer: labels texts through the assessor's API, as people do on the page and in the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from pipelines.progress import progress
from signalbox import assessor_client
from signalbox.contracts.labels import Label
from signalbox.contracts.light import LightReason
from signalbox.contracts.record import LabeledText
from signalbox.errors import SetupError
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import Task, load_data

_BLOCK, _PRINTED = 20, 100  # labels between two looks at the progress, and between two lines about it


@dataclass(frozen=True)
class Review:
    """Labels in all, and how many it took until the progress named a share that is green; None if it did not."""

    labels: int
    first: int | None


def unlabeled(settings: Settings, task: Task) -> list[LabeledText]:
    """Rows of the pool without ground truth in the record store, one language after the other."""

    async def labeled() -> set[str]:
        async with open_store(settings.store_url) as store:
            return {row.text for row in await store.ground_truth(task.name)}

    texts = asyncio.run(labeled())
    rows = [row for row in load_data(task, "pool") if row.text not in texts]
    return sorted(rows, key=lambda row: row.language)


def sent_texts(settings: Settings, task: Task) -> set[str]:
    """Texts of users that are in the record store."""

    async def read() -> set[str]:
        async with open_store(settings.store_url) as store:
            records = await store.records(task=task.name, source="user")
            return {record.input_text for record in records if record.input_text}

    return asyncio.run(read())


def review(settings: Settings, rows: Sequence[LabeledText], console: Console) -> None:
    """Have the encoder assess each text, then give its correct label. Raises InputError and SetupError."""
    with progress("review", len(rows), console=console) as advance:
        for batch in _batches(rows, settings.max_texts):
            texts = [row.text for row in batch]
            predictions = assessor_client.assess(settings, texts, batch[0].language, "encoder")
            for row, prediction in zip(batch, predictions, strict=True):
                assessor_client.give_feedback(settings, str(prediction["id"]), row.label)
                advance()


def answer_queue(settings: Settings, labels: Mapping[str, Label], most: int, console: Console) -> Review:
    """Answer texts of the queue by what `labels` says, until each campaign is certain, or hopeless, or `most` are entered.

    Like people it sees the text and the question, never the verdict. Raises InputError and SetupError.
    """
    number, first = 0, None
    while number < most and (count := _answer_block(settings, labels, min(_BLOCK, most - number))):
        number += count
        campaigns = assessor_client.queue_progress(settings)
        if first is None and any(one["green"] for one in campaigns):
            first = number
        is_done = all(one["green"] or one["more"] is None for one in campaigns)
        if number % _PRINTED == 0 or is_done:
            console.print(f"  {number} labels: {_progress_line(campaigns)}", highlight=False, soft_wrap=True)
        if is_done:
            break
    return Review(number, first)


def judge_requested(settings: Settings, pairs: Iterable[tuple[LabeledText, Mapping[str, Any]]]) -> None:
    """Label the answers that are shown red to be judged first. Raises InputError and SetupError."""
    for row, answer in pairs:
        if answer["light"]["reason"] == LightReason.REQUESTED:
            assessor_client.give_feedback(settings, str(answer["id"]), row.label)


def _answer_block(settings: Settings, labels: Mapping[str, Label], size: int) -> int:
    """Labels that were entered until the queue was empty or the block full."""
    for count in range(size):
        item = assessor_client.next_in_queue(settings)
        if item is None:
            return count
        if (label := labels.get(item["text"])) is None:
            raise SetupError(
                "The queue has a text that this demo did not send.",
                hint="Set SIGNALBOX_STATE_DIR to an empty folder.",
            )
        assessor_client.enter_label(settings, item["id"], label)
    return size


def _progress_line(campaigns: Sequence[Mapping[str, Any]]) -> str:
    """What the queue's page says, for all campaigns: it does not name their verdicts."""
    parts = []
    for one in campaigns:
        figures = f"{one['language']} {one['wrong']} of {one['labels']} wrong"
        if one["green"]:
            figures += f", surest {one['green']:.0%} green"
        elif one["more"] is not None:
            figures += f", {one['more']} more right ones needed"
        parts.append(figures)
    return "; ".join(parts)


def _batches(rows: Sequence[LabeledText], size: int) -> list[list[LabeledText]]:
    """Rows of one language each, at most `size`."""
    batches = []
    for language in dict.fromkeys(row.language for row in rows):
        here = [row for row in rows if row.language == language]
        batches += [here[start : start + size] for start in range(0, len(here), size)]
    return batches
