"""Records, labels and a campaign for the tests of the certificate. Everything is a function of its arguments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from signalbox.certificate.issue import plan_campaign
from signalbox.certificate.keys import prompt_digest
from signalbox.contracts.certificate import Campaign, CertificateKey
from signalbox.contracts.labels import NO, YES, yes_no
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import Feedback, ModelRelease, Record, text_sha256
from signalbox.tasks import Task, load_task

TASK_FOLDER = Path(__file__).parents[3] / "tasks" / "medical"
START = datetime(2026, 11, 1, 9, tzinfo=UTC)
RELEASE = ModelRelease(name="m", revision="1", engine="llama.cpp", quantization="Q4_1")
THRESHOLDS = "0123456789abcdef"
PROPENSITY = 0.2


@cache
def task() -> Task:
    return load_task(TASK_FOLDER)


@cache
def prompt() -> str | None:
    return prompt_digest(task(), "en", "decoder")


def key(**fields) -> CertificateKey:
    row = {
        "task": "medical",
        "language": "en",
        "verdict": YES,
        "route": "decoder",
        "releases": (RELEASE,),
        "prompt_digest": prompt(),
        "thresholds_digests": (THRESHOLDS,),
    }
    return CertificateKey(**{**row, **fields})


def record(number: int, **fields) -> Record:
    """The n-th answer Yes, with a text of its own; scores rise from 0 to 10 and start again."""
    text = f"Text {number}."
    row = {
        "id": f"record-{number}",
        "created_at": START + timedelta(minutes=number),
        "task": "medical",
        "language": "en",
        "route": "decoder",
        "release": RELEASE,
        "input_sha256": text_sha256(text),
        "input_characters": len(text),
        "input_text": text,
        "verdict": YES,
        "stated": YES,
        "probabilities": yes_no(0.9),
        "score": (number * 7919 % 1000) / 100,
        "light": Light.YELLOW,
        "candidate_light": Light.GREEN,
        "light_reason": LightReason.PROVISIONAL,
        "latency_seconds": 0.1,
        "prompt_digest": prompt(),
        "thresholds_digest": THRESHOLDS,
    }
    return Record(**{**row, **fields})


def campaign(**fields) -> Campaign:
    """Planned at the start, from scores spread evenly between 0 and 10."""
    pool = [i / 100 for i in range(1000)]
    plan = plan_campaign(key(), pool, alpha=0.1, delta=0.1, labels=100, planned_at=START)
    return plan.model_copy(update={"id": "campaign-1", **fields})


def requested(number: int, **fields) -> Record:
    """An answer that a person was asked for, blind and at random; its score is in the zone."""
    asked_at = START + timedelta(hours=1, minutes=number)
    return record(
        number,
        **{"asked": True, "asked_at": asked_at, "propensity": PROPENSITY, "score": 9.9, **fields},
    )


def entry(row: Record, label: str = YES, **fields) -> Feedback:
    created_at = (row.asked_at or row.created_at) + timedelta(minutes=5)
    return Feedback(
        **{
            "id": f"entry-{row.id}",
            "created_at": created_at,
            "prediction_id": row.id,
            "label": label,
            **fields,
        }
    )


def answered(
    count: int, wrong: frozenset[int] = frozenset()
) -> tuple[list[Record], dict[str, list[Feedback]]]:
    """Requested answers, each with one entry; those of `wrong` say No."""
    rows = [requested(number) for number in range(count)]
    return rows, {row.id: [entry(row, NO if n in wrong else YES)] for n, row in enumerate(rows)}
