"""Campaigns and requests for tests of the queue."""

from __future__ import annotations

from typing import Any

from signalbox.contracts.certificate import Campaign, CertificateKey
from signalbox.contracts.labels import YES
from signalbox.contracts.record import Record
from signalbox.contracts.requests import LabelRequest, Sampling
from tests.helpers import RELEASE, record


def sampling(language: str = "en", verdict: str = YES, **changes: Any) -> Sampling:
    """A campaign whose sequence begins at the surest 35 % of the answers and whose zone is 50 %."""
    key = CertificateKey(
        task="medical",
        language=language,
        verdict=verdict,
        route="encoder",
        releases=(RELEASE,),
        prompt_digest=None,
        thresholds_digests=("0123456789abcdef",),
    )
    fields: dict[str, Any] = {
        "key": key,
        "alpha": 0.1,
        "delta": 0.1,
        "planned_labels": 100,
        "shares": (0.35, 0.4, 0.45, 0.5),
        "thresholds": (3.0, 2.5, 2.0, 1.5),
        "pool_rows": 1000,
        "pool_sha256": "0" * 64,
    }
    campaign_fields = {name: changes.pop(name) for name in list(changes) if name in Campaign.model_fields}
    return Sampling(campaign=Campaign(**{**fields, **campaign_fields}), propensity=0.5, **changes)


def rows_of(plan: Sampling, count: int, **changes: Any) -> tuple[list[Record], list[LabelRequest]]:
    """Records of a campaign and their requests, in the order of the queue."""
    key = plan.campaign.key
    prefix = changes.pop("prefix", f"{key.language} {key.verdict}")
    texts = changes.pop("texts", [f"{prefix} text {number}" for number in range(count)])
    context = changes.pop("context", ())
    records = [
        record(
            text,
            language=key.language,
            verdict=key.verdict,
            stated=key.verdict,
            score=4.0,
            context=context,
            thresholds_digest="0123456789abcdef",
        )
        for text in texts
    ]
    requests = [
        LabelRequest(
            **{
                "campaign_id": plan.campaign.id,
                "task": row.task,
                "language": row.language,
                "record_id": row.id,
                "input_sha256": row.input_sha256,
                "verdict": row.verdict,
                "score": row.score,
                "propensity": plan.propensity,
                "rank": number / count,
                **changes,
            }
        )
        for number, row in enumerate(records)
    ]
    return records, requests
