"""JSON schemas of what other programs read: records, certificates, plans and rankings."""

from __future__ import annotations

import json

from signalbox.capacity.answers.rank import Ranking
from signalbox.capacity.planner.result import Plan
from signalbox.contracts.certificate import Campaign, CertificateEvent, SignedCertificate
from signalbox.contracts.record import Feedback, Record


def record_schema() -> str:
    """JSON schema of the contracts Record and Feedback."""
    schemas = {model.__name__: model.model_json_schema() for model in (Record, Feedback)}
    return json.dumps(schemas, indent=2, sort_keys=True) + "\n"


def certificate_schema() -> str:
    """JSON schema of the files and rows of certificates."""
    models = (Campaign, SignedCertificate, CertificateEvent)
    schemas = {model.__name__: model.model_json_schema() for model in models}
    return json.dumps(schemas, indent=2, sort_keys=True) + "\n"


def plan_schema() -> str:
    """JSON schema of `signalbox plan --json` with a single GPU kind."""
    return json.dumps(Plan.model_json_schema(mode="serialization"), indent=2) + "\n"


def ranking_schema() -> str:
    """JSON schema of `signalbox plan --json` over several kinds of GPUs."""
    return json.dumps(Ranking.model_json_schema(mode="serialization"), indent=2) + "\n"
