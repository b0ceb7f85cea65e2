"""Texts of another task take green away: the drift and watch jobs suspend the certificates, and the page says so."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from local.demo.certification import send
from pipelines.drift.job import drift
from pipelines.drift.publish import publish
from pipelines.watch.job import Result, watch
from pipelines.watch.report import lines_of
from pipelines.windows import Windows
from signalbox import assessor_client
from signalbox.contracts.certificate import CertificateState
from signalbox.contracts.record import LabeledText
from signalbox.contracts.routes import ModelName
from signalbox.settings import Settings
from signalbox.tasks import Task, load_data, load_task

OTHER_TASK = "tickets"
_TEXTS: Mapping[ModelName, int] = {"encoder": 180, "decoder": 40}
# The assessor reads events every two seconds.
_POLL_SECONDS, _POLLS = 1.0, 15

Pairs = Iterable[tuple[LabeledText, Mapping[str, Any]]]


def other_texts(task: Task, language: str, count: int) -> list[LabeledText]:
    """Texts of the other task in a language; none where that task is not next to this one."""
    folder = task.folder.parent / OTHER_TASK
    if not (folder / "task.yaml").is_file():
        return []
    return [row for row in load_data(load_task(folder)) if row.language == language][:count]


def disturb(settings: Settings, task: Task, pairs: Pairs, route: ModelName, console: Console) -> None:
    """Watch before and after the other texts, then show one answer that was green. Raises InputError, SetupError."""
    before = watch(settings, routes=[route])
    _print(before, console)
    arrival = datetime.now(UTC)
    for language in task.languages:
        if rows := other_texts(task, language, _TEXTS[route]):
            send(settings, rows, route, console)
    _compare_texts(settings, before, arrival, route)
    result = watch(settings, routes=[route])
    _print(result, console)
    suspended = {
        row.observation.newest.certificate.campaign.key.language
        for row in result.rows
        if row.observation.state is CertificateState.SUSPENDED
    }
    for language in sorted(suspended):
        green = [
            row for row, answer in pairs if answer["light"]["color"] == "green" and row.language == language
        ]
        if green:
            console.print(
                f"  {_page_after(settings, green, route)}", markup=False, highlight=False, soft_wrap=True
            )


def _compare_texts(settings: Settings, result: Result, arrival: datetime, route: ModelName) -> None:
    """The drift job's report on what came since then, compared with all since the campaigns began.

    `signalbox-jobs drift` writes the same for whole days.
    """
    since = min(row.observation.windows[0] for row in result.rows)
    report = drift(settings, Windows(since, arrival, datetime.now(UTC)), routes=[route])
    publish(settings, report, log_run=False)


def _page_after(settings: Settings, green: list[LabeledText], route: ModelName) -> str:
    """What the page says about a text that was green, after its correct answer is entered where the page wants it."""
    for row, _ in zip(green * _POLLS, range(_POLLS), strict=False):
        [answer] = assessor_client.assess(settings, [row.text], row.language, route)
        if answer["light"]["color"] == "green":
            time.sleep(_POLL_SECONDS)
            continue
        assessor_client.give_feedback(settings, str(answer["id"]), row.label)
        later = assessor_client.prediction(settings, str(answer["id"]))
        page = assessor_client.page(settings, str(answer["id"]), row.language)
        text = str(later["light"]["text"])
        reason = text.partition(". ")[2]  # the page has what it means between both sentences
        where = "the page says" if reason in page else "the API says, but not the page"
        return f"{row.language}: a text that was green is now {later['light']['color']}; {where}: {text}"
    return "the page still shows green; see assessor.log"


def _print(result: Result, console: Console) -> None:
    for row in result.rows:
        for line in lines_of(row):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
