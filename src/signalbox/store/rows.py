"""Stored rows as contracts, also those of versions that stored times without a zone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import ValidationError

from signalbox.contracts.evidence import EvidenceStatus
from signalbox.contracts.record import Contract, Record

Row = TypeVar("Row", bound=Contract)
WITHHELD_ERROR = "The cause is not stored, since it may quote the text. See the assessor's log."


def parse_row(kind: type[Row], body: str | bytes, created_at: datetime | None = None) -> Row:
    """The contract of a stored body. Raises ValidationError.

    Earlier versions accepted a time without a zone. The column of the database then has the moment that the store made
    of it; without a column, in the spool, such a time is read as UTC.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        if {one["type"] for one in error.errors()} != {"timezone_aware"}:
            raise
        row = json.loads(body)
        naive = datetime.fromisoformat(row["created_at"])
        row["created_at"] = (created_at or naive.replace(tzinfo=UTC)).isoformat()
        return kind.model_validate_json(json.dumps(row))


def without_text(record: Record) -> Record:
    """The record with its hash and length only; what may quote the text or points into it goes, too.

    The words of a model server in an error may quote what it was sent. `light_reason` still says what happened.
    """
    status = EvidenceStatus.NO_TEXT if record.evidence else record.evidence_status
    error = None if record.error is None else WITHHELD_ERROR
    empty = {"input_text": None, "justification": None, "context": (), "evidence": ()}
    return record.model_copy(update={**empty, "evidence_status": status, "error": error})
