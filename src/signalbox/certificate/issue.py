"""From a campaign and its labels to a certificate, or to what is still missing. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from signalbox.certificate.boundary import allowed_any_time, allowed_once
from signalbox.certificate.evidence import Evidence, Label, certified, draw_of, evaluate
from signalbox.certificate.labels import LEAST_RESPONSE, Labels
from signalbox.certificate.planning import Plan, make_plan
from signalbox.contracts.certificate import (
    Campaign,
    Certificate,
    CertificateEvidence,
    CertificateKey,
    CertificateLabel,
)
from signalbox.errors import SignalboxError

FEWEST_POOL_ROWS = 200
_MOST_MISSING = 1_000


class NotCertified(SignalboxError):  # noqa: N818 - reads as what happened
    """The labels do not show it, or not yet."""


@dataclass(frozen=True)
class Outlook:
    """The first step to green: labels and errors at the start of the sequence, and right labels that are missing there."""

    share: float
    labels: int
    errors: int
    missing: int | None


def plan_campaign(
    key: CertificateKey,
    pool: Sequence[float],
    *,
    alpha: float,
    delta: float,
    labels: int,
    planned_at: datetime,
    calibration: tuple[Sequence[float], Sequence[bool]] | None = None,
    once: bool = False,
    seed: int = 0,
) -> Campaign:
    """The plan for a key, from the scores of unlabeled answers. Raises InputError."""
    plan = make_plan(pool, alpha, delta, labels=labels, calibration=calibration, once=once)
    return Campaign(
        planned_at=planned_at,
        key=key,
        alpha=alpha,
        delta=delta,
        planned_labels=plan.labels,
        once=once,
        shares=plan.shares,
        thresholds=plan.thresholds,
        pool_rows=len(pool),
        pool_sha256=hashlib.sha256("\n".join(map(repr, sorted(pool))).encode()).hexdigest(),
        seed=seed,
    )


def plan_of(campaign: Campaign) -> Plan:
    """The plan as the test uses it."""
    return Plan(
        campaign.alpha,
        campaign.delta,
        campaign.planned_labels,
        campaign.shares,
        campaign.thresholds,
        campaign.once,
    )


def evidence_of(
    campaign: Campaign, labels: Sequence[CertificateLabel], barred: float | None = None
) -> tuple[Evidence, ...]:
    """The test by replay. The thinning depends on the seed and the text only."""
    rows = [
        Label(row.score, row.wrong, row.propensity, draw_of(campaign.seed, row.input_sha256))
        for row in labels
    ]
    return evaluate(rows, plan_of(campaign), barred=barred)


def issue(campaign: Campaign, labels: Labels, *, now: datetime, days: int) -> Certificate:
    """The certificate. Raises NotCertified that says what is missing."""
    _check_response(labels)
    evidence = evidence_of(campaign, labels.answered, labels.barred)
    threshold = certified(evidence)
    if threshold is None:
        raise _not_yet(campaign, evidence[0])
    expires_at = max(label.asked_at for label in labels.answered) + timedelta(days=days)
    if expires_at <= now:
        raise NotCertified(
            f"The last label was requested more than {days} days ago.",
            hint="Plan a new campaign with `signalbox certify --plan`: labels speak of the time in which they were requested.",
        )
    return Certificate(
        id=_certificate_id(campaign, labels.answered),
        campaign=campaign,
        labels=labels.answered,
        unanswered=labels.unanswered,
        left_out=dict(labels.left_out),
        barred=labels.barred,
        evidence=tuple(as_contract(row) for row in evidence),
        threshold=threshold,
        issued_at=now,
        expires_at=expires_at,
    )


def _certificate_id(campaign: Campaign, labels: Sequence[CertificateLabel]) -> str:
    """The same for the same labels, so that to certify twice gives one certificate."""
    rows = [campaign.id, *(f"{label.input_sha256} {label.wrong}" for label in labels)]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def as_contract(row: Evidence) -> CertificateEvidence:
    """The evidence as the certificate has it."""
    return CertificateEvidence(
        threshold=row.threshold,
        share=row.share,
        asked=row.asked,
        labels=row.labels,
        errors=row.errors,
        floor=row.floor,
        passed_at=row.passed_at,
    )


def outlook(campaign: Campaign, labels: Labels) -> Outlook:
    """What the first green answers cost: right labels that are missing above the first threshold, if none is wrong."""
    first = evidence_of(campaign, labels.answered, labels.barred)[0]
    return Outlook(first.share, first.labels, first.errors, _missing(campaign, first))


def _check_response(labels: Labels) -> None:
    if labels.response >= LEAST_RESPONSE:
        return
    requests = len(labels.answered) + len(labels.unanswered)
    raise NotCertified(
        f"{len(labels.answered)} of {requests} requested labels are entered; a certificate needs "
        f"{LEAST_RESPONSE:.0%} of them.",
        hint="Enter the ground truth of the requests that are open. Answers that people skip are not a random part.",
    )


def _missing(campaign: Campaign, row: Evidence) -> int | None:
    """Labels without an error that are missing at a threshold; None if it is out of reach."""
    if row.passed:
        return 0
    plan = plan_of(campaign)
    for missing in range(_MOST_MISSING):
        m = row.labels + missing
        # A longer table only where a shorter one has no answer: its cost grows with the square of its length.
        allowed = (
            allowed_once(plan.alpha, plan.delta, m)
            if plan.once
            else allowed_any_time(plan.alpha, plan.delta, plan.labels, m)
        )
        if row.errors <= min(allowed[m], plan.alpha * m):
            return missing
    return None


def _not_yet(campaign: Campaign, first: Evidence) -> NotCertified:
    if first.refused:
        return NotCertified(
            f"The threshold {first.threshold:g} cannot be certified: {first.refused}.",
            hint="Plan a new campaign with `signalbox certify --plan`: texts that were requested until then, for another "
            "route or release, are no part of it.",
        )
    missing = _missing(campaign, first)
    return NotCertified(
        f"{first.errors} of {first.labels} labels are wrong among the surest {first.share:.0%}; that does not show "
        f"an error of at most {campaign.alpha:.0%}.",
        hint="Use a better model, or a larger `certificate.alpha` in task.yaml."
        if missing is None
        else f"{missing} more labels without an error are enough.",
    )
