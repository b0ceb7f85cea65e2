"""The figures of the first board, from a reading. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from signalbox.contracts import certificate_metrics as certificate
from signalbox.contracts import metrics as names
from signalbox.contracts import usage_metrics
from signalbox.contracts.light import Light
from signalbox.contracts.metric import HIGH, Metric
from signalbox.top.reading import Labels, Reading

# Series that charts/monitoring records; tests/signalbox/top checks that it does.
ENERGY_RECORD, COST_RECORD = "signalbox:energy_watt_hours:increase1d", "signalbox:cost:increase1d"
RECORDED = (ENERGY_RECORD, COST_RECORD)
METRICS: tuple[Metric, ...] = (
    names.PREDICTIONS,
    names.EVAL_LIGHT_ERROR,
    names.QUEUE_WAITING,
    names.UPSTREAM_READY,
    names.SPOOLED_ROWS,
    usage_metrics.USAGE_ENERGY,
    certificate.CERTIFICATE_STATE,
    certificate.CERTIFICATE_ISSUED,
    certificate.CERTIFICATE_EXPIRY,
    certificate.CERTIFICATE_EVIDENCE,
    certificate.CERTIFICATE_LIMIT,
    certificate.CERTIFICATE_ERROR,
    certificate.CERTIFICATE_ERROR_BOUND,
)
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class LanguageFigures:
    """Answers of a language. The error is of green answers, measured on `error_source`; None: nobody measured it."""

    task: str
    language: str
    answers: float
    shares: dict[Light, float | None]
    error: float | None
    error_bound: float | None
    error_source: str
    labels_owed: float | None

    @property
    def correct_green(self) -> float | None:
        """Green answers less the share that is wrong; None without a measured error."""
        green = self.shares[Light.GREEN]
        if green is None or self.error is None:
            return None
        return self.answers * green * (1 - self.error)


@dataclass(frozen=True)
class CertificateFigures:
    """A certificate. `detector` is how far the evidence is on its way to the limit, 1 at the limit."""

    name: str
    state: str
    detector: float | None
    age_days: float | None
    days_left: float | None


@dataclass(frozen=True)
class Figures:
    """All figures of a reading."""

    languages: tuple[LanguageFigures, ...]
    certificates: tuple[CertificateFigures, ...]
    down: tuple[str, ...]
    spooled: float
    watthours_per_correct_green: float | None
    cost_per_correct_green: float | None


def figures_of(reading: Reading, now: float) -> Figures:
    """The figures; `now` is the Unix time for ages."""
    places = {
        (labels["task"], labels["language"])
        for metric in (names.PREDICTIONS, names.QUEUE_WAITING, names.EVAL_LIGHT_ERROR)
        for labels, _ in reading.of(metric)
    }
    languages = tuple(_language(reading, *place) for place in sorted(places))
    correct = sum(one.correct_green or 0 for one in languages)
    energy = reading.total(ENERGY_RECORD)
    energy = reading.total(usage_metrics.USAGE_ENERGY) if energy is None else energy
    return Figures(
        languages,
        _certificates(reading, now),
        tuple(sorted(labels["upstream"] for labels, value in reading.of(names.UPSTREAM_READY) if not value)),
        reading.total(names.SPOOLED_ROWS) or 0.0,
        energy / correct if energy is not None and correct else None,
        cost / correct if (cost := reading.total(COST_RECORD)) is not None and correct else None,
    )


def _language(reading: Reading, task: str, language: str) -> LanguageFigures:
    where = {"task": task, "language": language}
    answers = reading.total(names.PREDICTIONS, **where) or 0.0
    shares = {
        light: (reading.total(names.PREDICTIONS, **where, light=light.value) or 0.0) / answers
        if answers
        else None
        for light in Light
    }
    error, source = reading.largest(certificate.CERTIFICATE_ERROR, **where), "labels since the certificate"
    bound = reading.largest(certificate.CERTIFICATE_ERROR_BOUND, **where, bound=HIGH)
    if error is None:
        error, source = (
            reading.largest(names.EVAL_LIGHT_ERROR, **where, light=Light.GREEN.value),
            "evaluation",
        )
        bound = None
    source = "" if error is None else source
    owed = reading.total(names.QUEUE_WAITING, **where)
    return LanguageFigures(task, language, answers, shares, error, bound, source, owed)


def _certificates(reading: Reading, now: float) -> tuple[CertificateFigures, ...]:
    states = [labels for labels, value in reading.of(certificate.CERTIFICATE_STATE) if value == 1]
    return tuple(_certificate(reading, labels, now) for labels in sorted(states, key=_certificate_name))


def _certificate(reading: Reading, labels: Labels, now: float) -> CertificateFigures:
    key = {name: labels[name] for name in certificate.CERTIFICATE_ISSUED.labels}
    issued = reading.largest(certificate.CERTIFICATE_ISSUED, **key)
    expiry = reading.largest(certificate.CERTIFICATE_EXPIRY, **key)
    evidence = reading.largest(certificate.CERTIFICATE_EVIDENCE, **key)
    limit = reading.largest(certificate.CERTIFICATE_LIMIT, **key)
    return CertificateFigures(
        _certificate_name(labels),
        labels["state"],
        _progress(evidence, limit),
        None if issued is None else (now - issued) / _DAY_SECONDS,
        None if expiry is None else (expiry - now) / _DAY_SECONDS,
    )


def _certificate_name(labels: Labels) -> str:
    return f"{labels['task']} {labels['language']} {labels['verdict']} {labels['route']}"


def _progress(evidence: float | None, limit: float | None) -> float | None:
    """The way to the limit on the logarithmic scale, as the board shows it."""
    if evidence is None or limit is None or limit <= 1:
        return None
    return math.log(max(evidence, 1)) / math.log(limit)
