"""The assessor's Prometheus collectors, built from the table of metrics in the contracts."""

from __future__ import annotations

import re
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from signalbox.contracts import certificate_metrics, usage_metrics
from signalbox.contracts import metrics as names
from signalbox.contracts.certificate import CertificateKey
from signalbox.contracts.labels import NEUTRAL, Verdict
from signalbox.contracts.metric import Metric
from signalbox.contracts.record import Record
from signalbox.tasks import Task

_TABLE = (
    names.PREDICTIONS,
    names.PREDICTION_SECONDS,
    names.VERDICTS,
    names.SCORE,
    names.P_YES,
    names.JUSTIFICATION_LENGTH,
    names.FEEDBACK,
    names.LABEL_REQUESTS,
    names.QUEUE_WAITING,
    names.TOKENS,
    names.HTTP_REQUESTS,
    names.API_REQUESTS,
    *usage_metrics.ALL,
    names.UPSTREAM_READY,
    names.UPSTREAM_WAITING,
    names.UPSTREAM_FAILURES,
    names.SPOOLED_ROWS,
    names.STORE_FAILURES,
    certificate_metrics.CERTIFICATE_STATE,
    certificate_metrics.CERTIFICATE_EXPIRY,
    certificate_metrics.CERTIFICATE_ISSUED,
    certificate_metrics.CERTIFICATE_SHOWN_RED,
)


# A line that begins as an item of a list: -, *, • or a number.
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)


def lengths(text: str) -> dict[str, int]:
    """The length of a text by unit. Pure."""
    return {"characters": len(text), "words": len(text.split()), "bullets": len(_BULLET.findall(text))}


class Metrics:
    """One registry per application, so that two applications in one process do not share counters."""

    def __init__(self, task: Task) -> None:
        self._task, self._slugs = task, task.slugs
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        # The three kinds share no useful base type.
        self._collectors: dict[str, Any] = {row.name: row.build(self.registry) for row in _TABLE}
        self._series: dict[tuple[str, ...], Any] = {}

    def series(self, metric: Metric, *labels: str) -> Any:  # noqa: ANN401
        """One series of a metric. The client library finds it by a lock and a conversion of each label, for each call."""
        key = (metric.name, *labels)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self[metric].labels(*labels)
        return series

    def __getitem__(self, metric: Metric) -> Any:  # noqa: ANN401
        return self._collectors[metric.name]

    def count(self, record: Record) -> None:
        """Count one prediction."""
        where = (record.task, record.language, record.route)
        self.series(names.PREDICTIONS, *where, record.light.value, record.light_reason.value).inc()
        self.series(names.PREDICTION_SECONDS, *where).observe(record.latency_seconds)
        self.series(names.VERDICTS, *where, self._slug(record.verdict)).inc()
        if record.score is not None:
            self.series(names.SCORE, *where).observe(record.score)
        if (p_yes := record.p_yes) is not None:
            self.series(names.P_YES, *where).observe(p_yes)
        for unit, length in lengths(record.justification).items() if record.justification else ():
            self.series(names.JUSTIFICATION_LENGTH, *where, unit).observe(length)
        for direction, tokens in (("prompt", record.prompt_tokens), ("completion", record.completion_tokens)):
            if tokens is not None:
                self.series(names.TOKENS, record.task, record.language, direction).inc(tokens)

    def count_feedback(self, record: Record, *, agrees: bool) -> None:
        """Count one ground truth."""
        agreement = "agrees" if agrees else "differs"
        self[names.FEEDBACK].labels(record.task, record.language, agreement).inc()

    def count_review(self, record: Record, outcome: str) -> None:
        """Count what became of one request for ground truth."""
        verdict = self._slug(record.verdict)
        self[names.LABEL_REQUESTS].labels(record.task, record.language, verdict, outcome).inc()

    def set_waiting(self, key: CertificateKey, waiting: int) -> None:
        """Set the length of the queue of one campaign."""
        task, language, verdict, route = self.key_labels(key)
        self[names.QUEUE_WAITING].labels(task, language, route, verdict).set(waiting)

    def key_labels(self, key: CertificateKey) -> tuple[str, str, str, str]:
        """Task, language, verdict and route of a key, as values of labels."""
        verdict = "any" if key.verdict is None else self._slug(key.verdict)
        return key.task, key.language, verdict, key.route

    def _slug(self, verdict: Verdict) -> str:
        """The verdict as a value of a label. A model answers only with labels of the task, or not at all."""
        return self._slugs.get(self._task.current(verdict) or verdict, NEUTRAL)

    def page(self) -> bytes:
        """The exposition text."""
        return generate_latest(self.registry)
