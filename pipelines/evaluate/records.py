"""The records of an evaluation's answers: which of them count, and an error for those that must not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipelines.evaluate.journal import Journal
from signalbox.certificate.keys import prompt_digest
from signalbox.contracts.record import LabeledText, ModelRelease, Record
from signalbox.contracts.routes import Route
from signalbox.errors import SetupError
from signalbox.settings import Settings
from signalbox.store import store_of
from signalbox.tasks import Task


async def read_records(settings: Settings, rows: Iterable[LabeledText], journal: Journal) -> list[Record]:
    """The record of each row. SetupError where one is not in the store."""
    records = []
    async with store_of(settings) as store:
        for row in rows:
            record = await store.get(journal.done[row.id])
            if record is None:
                raise SetupError(
                    f"Record {journal.done[row.id]} is not in the store.",
                    hint="Check that the assessor writes to the same SIGNALBOX_DATABASE_URL, and evaluate again.",
                )
            records.append(record)
    return records


async def drop_stale(
    settings: Settings,
    task: Task,
    route: Route,
    releases: Sequence[ModelRelease],
    rows: Iterable[LabeledText],
    journal: Journal,
) -> None:
    """Drop the answers that do not count: retention deleted the record, or another release or prompt answered.

    Each shard looks at all rows, so that none holds the rows of another one for answered.
    """
    with journal.locked():
        journal.reload()
        stale = []
        if journal.done:
            prompts = _prompts(task, route)
            async with store_of(settings) as store:
                for row in rows:
                    name = journal.done.get(row.id)
                    record = await store.get(name) if name else None
                    if name and (record is None or not _counts(record, releases, prompts)):
                        stale.append(row.id)
        journal.drop(stale)


def check_source(
    task: Task, route: Route, releases: Sequence[ModelRelease], records: Sequence[Record]
) -> None:
    """SetupError when another release or prompt answered than those of now: its figures would be mislabeled."""
    strangers = {r.release.key for r in records if r.release is not None and not _has_release(releases, r)}
    if strangers:
        raise SetupError(
            f"While evaluating {' → '.join(release.key for release in releases)}, answers came from "
            f"{', '.join(sorted(strangers))}: a model changed meanwhile.",
            hint="Evaluate again.",
        )
    prompts = _prompts(task, route)
    languages = sorted({record.language for record in records if not _has_prompt(prompts, record)})
    if languages:
        raise SetupError(
            f"While evaluating {route}, answers in {', '.join(languages)} came from another prompt than that of "
            f"{task.folder}: the assessor read its task before a change.",
            hint="Restart the assessor, and evaluate again.",
        )


def _has_release(releases: Sequence[ModelRelease], record: Record) -> bool:
    """An answer that failed has none."""
    return record.release is None or record.release in releases


def _prompts(task: Task, route: Route) -> dict[str, str | None]:
    """The digest of the prompt of now, by language."""
    return {language: prompt_digest(task, language, route) for language in task.languages}


def _has_prompt(prompts: Mapping[str, str | None], record: Record) -> bool:
    return record.prompt_digest == prompts[record.language]


def _counts(record: Record, releases: Sequence[ModelRelease], prompts: Mapping[str, str | None]) -> bool:
    """Whether an answer is of these releases and of the prompt of now."""
    return _has_release(releases, record) and _has_prompt(prompts, record)
