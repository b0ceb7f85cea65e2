"""The metrics of a pass, as a textfile for Prometheus."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipelines.sinks import textfile
from pipelines.statistics.proportions import clopper_pearson_interval
from pipelines.watch.job import Result, Row
from signalbox.certificate.monitoring.monitor import Observation
from signalbox.contracts import certificate_metrics as names
from signalbox.contracts.certificate import CertificateAction, CertificateKey
from signalbox.contracts.metric import HIGH, LOW
from signalbox.tasks import Task

Labels = tuple[str, str, str, str]


def write_metrics(folder: Path, result: Result) -> Path:
    """Write `watch-TASK.prom`: figures of the newest certificate of each key, and how often each action happened."""
    newest: dict[Labels, Row] = {}
    for row in sorted(result.rows, key=lambda one: one.observation.newest.certificate.issued_at):
        newest[labels_of(row.observation.newest.certificate.campaign.key, result.task)] = row
    values: textfile.Values = []
    for labels, row in newest.items():
        values += _figures(labels, row.observation)
    values += _events(result)
    job = f"watch-{result.task.name}"
    return textfile.write_values(folder / f"{job}.prom", [*values, textfile.succeeded(job)])


def labels_of(key: CertificateKey, task: Task) -> Labels:
    """Task, language, verdict and route of a key, as values of labels."""
    verdict = "any" if key.verdict is None else task.slugs.get(key.verdict, "other")
    return key.task, key.language, verdict, key.route


def _figures(labels: Labels, observation: Observation) -> textfile.Values:
    rows, detector = observation.new_labels, observation.detector
    wrong, open_requests = sum(label.wrong for label in rows), observation.open_requests
    values: textfile.Values = [
        (names.CERTIFICATE_EVIDENCE, labels, detector.level),
        (names.CERTIFICATE_LIMIT, labels, detector.rarity),
        (names.CERTIFICATE_LABELS, (*labels, "right"), float(len(rows) - wrong)),
        (names.CERTIFICATE_LABELS, (*labels, "wrong"), float(wrong)),
        (names.CERTIFICATE_LABELS, (*labels, "open"), float(len(open_requests))),
    ]
    if open_requests:
        values.append((names.CERTIFICATE_OLDEST_REQUEST, labels, min(open_requests).timestamp()))
    if rows:
        low, high = clopper_pearson_interval(wrong, len(rows))
        values += [
            (names.CERTIFICATE_ERROR, labels, wrong / len(rows)),
            (names.CERTIFICATE_ERROR_BOUND, (*labels, LOW), low),
            (names.CERTIFICATE_ERROR_BOUND, (*labels, HIGH), high),
        ]
    return values


def _events(result: Result) -> textfile.Values:
    """All actions of each key that is watched, also with 0: a counter that appears with 1 has no increase."""
    keys = {
        row.observation.newest.certificate.campaign.id: labels_of(
            row.observation.newest.certificate.campaign.key, result.task
        )
        for row in result.rows
    }
    counts = Counter(
        (keys[event.campaign_id], event.action) for event in result.events if event.campaign_id in keys
    )
    return [
        (names.CERTIFICATE_EVENTS, (*labels, action.value), float(counts[labels, action]))
        for labels in sorted(set(keys.values()))
        for action in CertificateAction
    ]
