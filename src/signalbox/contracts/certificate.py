"""The certificate of green: what was planned, which labels count, what they show, and who changed its state.

A certificate is a signed JSON file. Jobs and people write it, the assessor verifies it when it loads it. Events are
append-only rows of the record store; the state of a certificate follows from them.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from signalbox.contracts.labels import Label, Probability
from signalbox.contracts.record import Contract, ModelRelease
from signalbox.contracts.routes import Route

Level = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]
Score = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class CertificateKey(Contract):
    """What a certificate is about. An answer that differs in any field is not covered."""

    task: str
    language: str
    verdict: Label | None = Field(
        description="The verdict of the answers. None: all verdicts together, which can hide errors of a rare one."
    )
    route: Route
    releases: tuple[ModelRelease, ...] = Field(
        min_length=1, description="All releases whose answers the route gives."
    )
    prompt_digest: str | None = Field(description="Digest of the decoder's prompt. None: no decoder.")
    thresholds_digests: tuple[str, ...] = Field(
        min_length=1,
        description="Digests of the thresholds, one for each way of an answer through the route.",
    )

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.task} {self.language} {self.route} {self.verdict or 'all verdicts'}"


class Campaign(Contract):
    """The plan of a certificate, written before its first label and never changed."""

    id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    planned_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    key: CertificateKey
    alpha: Level = Field(description="Largest error among green answers.")
    delta: Level = Field(description="Largest share of campaigns whose statement is false.")
    planned_labels: int = Field(gt=0, description="Number of labels for which the plan is most powerful.")
    once: bool = Field(default=False, description="Whether the labels are looked at a single time.")
    shares: tuple[Probability, ...] = Field(min_length=1)
    thresholds: tuple[Score, ...] = Field(
        min_length=1,
        description="Scores with these shares of the pool above them, in falling order. The last one is the zone's end.",
    )
    pool_rows: int = Field(gt=0, description="Unlabeled answers whose scores the plan saw.")
    pool_sha256: str = Field(description="SHA-256 of the sorted scores of the pool.")
    seed: int = Field(default=0, description="Seed of the thinning.")

    @model_validator(mode="after")
    def _is_a_sequence(self) -> Self:
        if len(self.shares) != len(self.thresholds):
            raise ValueError(
                f"thresholds: got {len(self.thresholds)} for {len(self.shares)} shares; write one for each share"
            )
        if list(self.thresholds) != sorted(self.thresholds, reverse=True):
            raise ValueError("thresholds: they rise; write them in falling order")
        return self


class CertificateLabel(Contract):
    """One label that was asked for: enough to replay the test without the text."""

    input_sha256: str
    asked_at: AwareDatetime
    score: Score
    wrong: bool
    propensity: Annotated[float, Field(gt=0.0, le=1.0)]


class CertificateEvidence(Contract):
    """The test at one threshold, as it was when the certificate was issued."""

    threshold: Score
    share: Probability
    asked: int = Field(ge=0, description="Labels at or above the threshold.")
    labels: int = Field(ge=0, description="Of these, labels that are left after thinning.")
    errors: int = Field(ge=0)
    floor: Probability = Field(
        description="Least propensity above the threshold, to which labels are thinned."
    )
    passed_at: int | None = Field(description="Number of labels at which the test passed first.")


class Certificate(Contract):
    """At most the share alpha of the answers with this key and a score of at least `threshold` is wrong.

    Such a statement is false in at most the share delta of campaigns.
    """

    schema_version: Literal[1] = 1
    id: str = Field(description="Follows from the campaign and its labels.")
    campaign: Campaign
    labels: tuple[CertificateLabel, ...] = Field(description="In the order asked.")
    unanswered: tuple[str, ...] = Field(
        default=(), description="Hashes of texts that were asked for and not answered."
    )
    left_out: dict[str, int] = Field(
        default={},
        description="Labels that do not count, by reason.",
        examples=[{"text was labeled before": 2}],
    )
    barred: Score | None = Field(
        default=None,
        description="Largest score of an answer of the campaign that had no chance to be asked for. No threshold up to it is "
        "certified.",
    )
    evidence: tuple[CertificateEvidence, ...]
    threshold: Score
    issued_at: AwareDatetime
    expires_at: AwareDatetime

    @property
    def decisive(self) -> CertificateEvidence:
        """The evidence at the certified threshold."""
        return next(row for row in self.evidence if row.threshold == self.threshold)


class SignedCertificate(Contract):
    """The file: a certificate, and the Ed25519 signature of its canonical JSON."""

    certificate: Certificate
    key_id: str = Field(description="First 16 hex digits of the SHA-256 of the public key.")
    signature: str = Field(description="Base64.")


class CertificateState(StrEnum):
    """CERTIFIED: green. SUSPENDED: yellow until labels decide. REVOKED and EXPIRED: yellow until a new campaign."""

    CERTIFIED = "certified"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    EXPIRED = "expired"


class CertificateAction(StrEnum):
    """What an event does to the certificate of a campaign."""

    ISSUE = "issue"
    SUSPEND = "suspend"
    RESTORE = "restore"
    REVOKE = "revoke"
    EXPIRE = "expire"


class CertificateCause(StrEnum):
    """What an event rests on. Stored, and the key of its text on the page: never rename one."""

    LABELS = "labels"
    DETECTOR = "detector"
    OUTPUT = "output"
    GREEN_SHARE = "green_share"
    TEXTS = "texts"
    GOLDEN = "golden"
    DATE = "date"
    PERSON = "person"


class CertificateEvent(Contract):
    """One change of a certificate's state: who did what, and why. Rows are appended, never changed.

    The state belongs to the campaign: a certificate that is issued again from more labels of a revoked one is no way around
    the revocation. `position` numbers the events of a campaign; the database lets one writer have each number.
    """

    id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    created_at: AwareDatetime = Field(
        default_factory=lambda: datetime.now(UTC),
        description="By the clock of the database, once it is stored.",
    )
    task: str
    campaign_id: str
    certificate_id: str
    certificate_digest: str = Field(description="Digest of the certificate, as records name it.")
    position: int = Field(default=0, ge=0, description="Number of earlier events of the campaign.")
    action: CertificateAction
    cause: CertificateCause
    actor: str = Field(
        min_length=1, max_length=200, description="A person or a job.", examples=["job/watch", "operator"]
    )
    reason: str = Field(min_length=1, max_length=2000)
    details: dict[str, float | int | str] = Field(
        default={}, description="Figures behind the reason.", examples=[{"column": "score", "p_value": 0.001}]
    )
