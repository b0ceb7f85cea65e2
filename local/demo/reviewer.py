"""A scripted reviewer: labels the pool of texts through the assessor's API, as a person does on the page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.console import Console

from pipelines.progress import progress
from signalbox import assessor_client
from signalbox.contracts.record import LabeledText
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import Task, load_data


def unlabeled(settings: Settings, task: Task) -> list[LabeledText]:
    """Rows of the pool without ground truth in the record store, one language after the other."""

    async def labeled() -> set[str]:
        async with open_store(settings.store_url) as store:
            return {row.text for row in await store.ground_truth(task.name)}

    known = asyncio.run(labeled())
    rows = [row for row in load_data(task, "pool") if row.text not in known]
    return sorted(rows, key=lambda row: row.language)


def review(settings: Settings, rows: Sequence[LabeledText], console: Console) -> None:
    """Have the encoder assess each text, then give its correct label. Raises InputError and SetupError."""
    with progress("review", len(rows), console=console) as advance:
        for batch in _batches(rows, settings.max_texts):
            texts = [row.text for row in batch]
            predictions = assessor_client.assess(settings, texts, batch[0].language, "encoder")
            for row, prediction in zip(batch, predictions, strict=True):
                assessor_client.give_feedback(settings, str(prediction["id"]), row.label)
                advance()


def _batches(rows: Sequence[LabeledText], size: int) -> list[list[LabeledText]]:
    """Rows of one language each, at most `size`."""
    batches = []
    for language in dict.fromkeys(row.language for row in rows):
        here = [row for row in rows if row.language == language]
        batches += [here[start : start + size] for start in range(0, len(here), size)]
    return batches
