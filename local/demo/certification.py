"""The demo's certificate: users' texts, a campaign, a scripted reviewer in the queue, and the signed file if there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rich.console import Console

from local.demo import reviewer
from local.demo.stream import Stream
from pipelines.progress import progress
from signalbox import assessor_client
from signalbox.certificate.cli.run import Run
from signalbox.certificate.issue import NotCertified
from signalbox.certificate.signing import create_key
from signalbox.contracts.record import LabeledText
from signalbox.contracts.routes import ModelName
from signalbox.errors import SetupError
from signalbox.requests.run import LabelRun
from signalbox.settings import Settings

# Texts of each language before the campaign, and while it is open. A plan needs 200 answers of a verdict, and alarms compare
# later answers with those of the campaign. A decoder on a CPU needs seconds for each.
BEFORE: Mapping[ModelName, int] = {"encoder": 600, "decoder": 480}
MEANWHILE: Mapping[ModelName, int] = {"encoder": 300, "decoder": 60}
MOST_LABELS = 400


@dataclass(frozen=True)
class Certification:
    """Labels that the reviewer gave in all, and until the first certificate; None if none was issued."""

    labels: int
    first: int | None


def certify(settings: Settings, stream: Stream, route: ModelName, console: Console) -> Certification:
    """Plan, review and certify; prints each step. Raises InputError and SetupError."""
    for language in stream.languages:
        send(settings, stream.take(language, BEFORE[route]), route, console)
    private = settings.state_dir / "certificate.pem"
    if not private.exists():
        create_key(private)
    report = partial(_line, console)
    run = Run(settings, None, route)
    if not _print(console, lambda: asyncio.run(run.plan(datetime.now(UTC), once=False, report=report))):
        return Certification(0, None)
    for language in stream.languages:
        send(settings, stream.take(language, MEANWHILE[route]), route, console)
    _print(console, lambda: asyncio.run(LabelRun(settings, "").request()))
    review = reviewer.answer_queue(settings, stream.labels, MOST_LABELS, console)
    issued = _print(console, lambda: asyncio.run(run.certify(datetime.now(UTC), private, report=report)))
    return Certification(review.labels, review.first if issued else None)


def send(
    settings: Settings, rows: Sequence[LabeledText], route: ModelName, console: Console
) -> list[dict[str, Any]]:
    """The predictions for users' texts of one language, in their order."""
    predictions: list[dict[str, Any]] = []
    language = rows[0].language
    with progress(f"texts of users, {language}", len(rows), console=console) as advance:
        for start in range(0, len(rows), settings.max_texts):
            part = [row.text for row in rows[start : start + settings.max_texts]]
            predictions += assessor_client.assess(settings, part, language, route)
            for _ in part:
                advance()
    return predictions


def explain(result: Certification, console: Console) -> None:
    """Say when the first certificate came, or after how many labels the reviewer gave up."""
    if result.first is not None:
        text = f"The first certificate was in reach after {result.first} labels, of {result.labels} in all."
    elif result.labels:
        text = (
            f"No certificate: the scripted reviewer gave up after {result.labels} labels. The lines above say what is "
            "missing. A better model helps, for example `make demo MODEL=qwen2.5-coder-1.5b`."
        )
    else:
        text = "No campaign could be planned, so nothing is green."
    _line(console, text)


def _print(console: Console, step: Callable[[], list[str] | None]) -> bool:
    """Print the lines of a step that does not report them itself; False where it says why there are none."""
    try:
        lines = step()
    except (NotCertified, SetupError) as error:
        _line(console, f"{error.message} {error.hint or ''}".rstrip())
        return False
    for line in lines or ():
        _line(console, line)
    return True


def _line(console: Console, text: str) -> None:
    console.print(f"  {text}", markup=False, highlight=False, soft_wrap=True)
