"""Replay of a certificate from its labels: each step with its result. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from signalbox.certificate.certify import as_labels
from signalbox.certificate.evidence import certified, looks
from signalbox.certificate.issue import as_contract, evidence_of, plan_of
from signalbox.certificate.labels import LEAST_RESPONSE, Labels
from signalbox.contracts.certificate import Certificate

# Clocks of machines in one cluster differ by less; a certificate from further in the future has a wrong date.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Step:
    """One step of the replay: what was compared, and what came out."""

    name: str
    passed: bool
    text: str


def check(certificate: Certificate, now: datetime) -> list[Step]:
    """All steps, in order. A certificate holds if each of them passed."""
    return [step for one in _STEPS for step in one(certificate, now)]


def standing_problem(certificate: Certificate, now: datetime) -> str | None:
    """Why the dates of a certificate rule it out now: "future", "expired", or None."""
    if certificate.issued_at > now + CLOCK_SKEW:
        return "future"
    return "expired" if now >= certificate.expires_at else None


def _dates(certificate: Certificate, now: datetime) -> Iterator[Step]:
    campaign = certificate.campaign
    times = [campaign.planned_at, *(label.asked_at for label in certificate.labels), certificate.issued_at]
    in_order = all(campaign.planned_at <= time <= certificate.issued_at + CLOCK_SKEW for time in times)
    problem = standing_problem(certificate, now)
    texts = {
        "future": f"issued at {certificate.issued_at:%Y-%m-%d %H:%M} UTC, later than now; compare the clocks",
        "expired": f"expired at {certificate.expires_at:%Y-%m-%d %H:%M} UTC",
        None: f"valid until {certificate.expires_at:%Y-%m-%d %H:%M} UTC",
    }
    yield Step("dates", problem is None and certificate.issued_at < certificate.expires_at, texts[problem])
    yield Step(
        "plan before labels",
        in_order,
        f"planned at {campaign.planned_at:%Y-%m-%d %H:%M} UTC, "
        + ("before the first label" if in_order else "but a label was requested outside the campaign"),
    )


def _labels(certificate: Certificate, _now: datetime) -> Iterator[Step]:
    hashes = [label.input_sha256 for label in certificate.labels]
    repeated = len(hashes) - len(set(hashes))
    yield Step("one label a text", not repeated, f"{len(hashes)} labels, {repeated} of them repeated")
    ordered = sorted(certificate.labels, key=lambda label: (label.asked_at, label.input_sha256))
    in_order = list(certificate.labels) == ordered
    yield Step("order", in_order, "in the order asked" if in_order else "not in the order asked")
    labels = Labels(certificate.labels, certificate.unanswered, {})
    requests = len(certificate.labels) + len(certificate.unanswered)
    yield Step(
        "response",
        labels.response >= LEAST_RESPONSE,
        f"{len(certificate.labels)} of {requests} requests answered ({labels.response:.0%})",
    )
    zone = certificate.campaign.thresholds[-1]
    below = sum(label.score < zone for label in certificate.labels)
    yield Step("zone", not below, f"{below} labels below the zone's end {zone:.4g}")


def _evidence(certificate: Certificate, _now: datetime) -> Iterator[Step]:
    replay = evidence_of(certificate.campaign, certificate.labels, certificate.barred)
    stated = {row.threshold: row for row in certificate.evidence}
    for row in replay:
        same = stated.get(row.threshold) == as_contract(row)
        result = f"passed at label {row.passed_at}" if row.passed else "not passed"
        note = "" if same else "; the certificate says something else"
        yield Step(
            f"surest {row.share:.0%}",
            same,
            f"score {row.threshold:.4g} or more: {row.errors} of {row.labels} wrong, {result}{note}",
        )
    threshold = certified(replay)
    same = threshold == certificate.threshold
    start = "no threshold" if threshold is None else f"{threshold:.4g}"
    yield Step(
        "threshold", same, f"certified from {start} on, the certificate says {certificate.threshold:.4g}"
    )


def _looks(certificate: Certificate, _now: datetime) -> Iterator[Step]:
    labels = as_labels(
        [label.score for label in certificate.labels], [label.wrong for label in certificate.labels]
    )
    chances = {label.propensity for label in certificate.labels}
    if len(chances) > 1:
        yield Step(
            "looks", True, f"chances from {min(chances):g} to {max(chances):g}, thinned to the least one"
        )
        return
    thresholds = list(looks(labels, plan_of(certificate.campaign)))
    first = next(
        (number for number, threshold in enumerate(thresholds, start=1) if threshold is not None), None
    )
    text = f"{len(thresholds)} labels, a look after each" if not certificate.campaign.once else "one look"
    yield Step("looks", True, text if first is None else f"{text}; certified first at label {first}")


_STEPS: tuple[Callable[[Certificate, datetime], Iterator[Step]], ...] = (_dates, _labels, _evidence, _looks)
