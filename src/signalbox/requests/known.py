"""Hashes of the texts in a task's data: nobody is asked about them, because they are no answers to users."""

from __future__ import annotations

from typing import get_args

from signalbox.contracts.record import Tier, text_sha256
from signalbox.tasks import Task, load_data


def data_hashes(task: Task) -> frozenset[str]:
    """SHA-256 of each text of all splits and tiers. Reads `data.jsonl`; raises InputError."""
    rows = (row for tier in get_args(Tier) for row in load_data(task, None, tier))
    return frozenset(text_sha256(row.text) for row in rows)
