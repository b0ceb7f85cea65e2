"""The key of a certificate: from records and a task, and whether an answer has it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from signalbox.contracts.certificate import CertificateKey
from signalbox.contracts.labels import Label
from signalbox.contracts.record import ModelRelease, Record
from signalbox.contracts.routes import ROUTES, Route
from signalbox.errors import InputError
from signalbox.tasks import Task
from signalbox.thresholds import UNCALIBRATED


def prompt_digest(task: Task, language: str, route: Route) -> str | None:
    """16 hex digits that change with the prompt, the few-shot turns, or the form of the answer.

    None for a route without a decoder.
    """
    if "decoder" not in ROUTES[route].models:
        return None
    forms = {label: list(words) for label, words in task.answer_forms(language).items()}
    content = [task.messages("{text}", language), forms, task.answer]
    body = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def newest_answers(
    records: Iterable[Record], before: Mapping[tuple[Route, str], Record]
) -> dict[tuple[Route, str], Record]:
    """The newest calibrated answer of each route and engine, which is what `current_key` reads.

    Of records that are oldest first, and of what came out of earlier ones.
    """
    newest = dict(before)
    for record in records:
        if record.release is None or not _is_calibrated(record):
            continue
        place = (record.route, record.release.engine)
        if place not in newest or newest[place].created_at < record.created_at:
            newest[place] = record
    return newest


def current_key(
    records: Iterable[Record], task: Task, language: str, route: Route, verdict: Label | None
) -> CertificateKey:
    """The key of the newest calibrated answers: for each engine of the route its newest release and thresholds.

    Raises InputError if there is no such answer.
    """
    newest: dict[str, Record] = {}
    for record in sorted(records, key=lambda row: row.created_at):
        if _is_calibrated(record) and record.release and _is_of(record, task, language, route):
            newest[record.release.engine] = record
    if not newest:
        raise InputError(
            "route",
            route,
            "Calibrate the models of the route, then assess texts.",
            problem=f"route: no calibrated answer of `{route}` in `{language}` is in the store.",
        )
    rows = [newest[engine] for engine in sorted(newest)]
    return CertificateKey(
        task=task.name,
        language=language,
        verdict=verdict,
        route=route,
        releases=tuple(row.release for row in rows if row.release),
        prompt_digest=prompt_digest(task, language, route),
        thresholds_digests=tuple(sorted({row.thresholds_digest for row in rows if row.thresholds_digest})),
    )


def differences(
    key: CertificateKey,
    *,
    release: ModelRelease | None,
    thresholds_digest: str | None,
    prompt: str | None,
) -> Sequence[str]:
    """The fields in which an answer of the same task, language, verdict and route differs from a key."""
    return [
        name
        for name, same in (
            ("release", release in key.releases),
            ("prompt_digest", prompt == key.prompt_digest),
            ("thresholds_digest", thresholds_digest in key.thresholds_digests),
        )
        if not same
    ]


def has_key(record: Record, key: CertificateKey, task: Task) -> bool:
    """Whether a user's record is one of the answers that a key is about."""
    return (
        _is_of(record, task, key.language, key.route)
        and record.release in key.releases
        and record.thresholds_digest in key.thresholds_digests
        and record.prompt_digest == key.prompt_digest
        and key.verdict in (None, task.verdict_of(record.verdict))
    )


def _is_calibrated(record: Record) -> bool:
    return record.thresholds_digest not in (None, UNCALIBRATED)


def _is_of(record: Record, task: Task, language: str, route: Route) -> bool:
    return (record.source, record.task, record.language, record.route) == ("user", task.name, language, route)
