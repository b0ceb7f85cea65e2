"""What the store has about a campaign: the input around the pure steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from signalbox.certificate.labels import Labels, labels_of
from signalbox.contracts.certificate import Campaign
from signalbox.contracts.record import Record
from signalbox.store import Store
from signalbox.tasks import Task


async def labels_from(
    store: Store, records: Sequence[Record], campaign: Campaign, task: Task, data_hashes: Collection[str]
) -> Labels:
    """The labels of a campaign among these records, from the entries of all of them that have its texts."""
    requests = {record.input_sha256 for record in records if record.asked}
    # Entries of other records count, too: a text that was labeled before is not asked for anew.
    same_text = [record for record in records if record.input_sha256 in requests]
    feedback = {record.id: await store.feedback_for(record.id) for record in same_text}
    return labels_of(records, feedback, campaign, task, data_hashes)
