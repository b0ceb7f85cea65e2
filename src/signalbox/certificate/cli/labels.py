"""The labels of campaigns from the store: those that were shown red, those of the queue, and what had no chance."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from signalbox.certificate.labels import Labels, barred_score
from signalbox.certificate.monitoring.reading import labels_from
from signalbox.contracts.certificate import Campaign
from signalbox.requests.answers import answer_pages
from signalbox.requests.labels import with_queue
from signalbox.store import Store
from signalbox.tasks import Task


async def labels_by_campaign(
    store: Store, campaigns: Sequence[Campaign], task: Task, data_hashes: Collection[str]
) -> dict[str, Labels]:
    """The labels of campaigns of one language, by their ids. Of all answers, only one page is in memory at once."""
    language = campaigns[0].key.language
    asked = await store.compared.asked(task.name, language)
    chances = {one.campaign.id: one.propensity for one in await store.requests.campaigns(task.name)}
    labels, exempt = {}, {}
    for campaign in campaigns:
        shown_red = await labels_from(store, asked, campaign, task, data_hashes)
        states = await store.requests.states(campaign.id)
        own = labels[campaign.id] = with_queue(shown_red, states, chances.get(campaign.id, 0.0), task)
        known = await store.requests.requested_before(task.name, campaign.planned_at)
        exempt[campaign.id] = {*data_hashes, *known, *own.texts}
    barred = await _barred(store, campaigns, task, exempt)
    return {name: replace(own, barred=barred.get(name)) for name, own in labels.items()}


async def _barred(
    store: Store, campaigns: Sequence[Campaign], task: Task, exempt: Mapping[str, Collection[str]]
) -> dict[str, float]:
    """The score up to which each campaign is barred, in one pass over the answers since the first plan."""
    since = min(campaign.planned_at for campaign in campaigns)
    barred: dict[str, float] = {}
    async for page in answer_pages(store, task.name, campaigns[0].key.language, since=since):
        # Few records have this chance, and each campaign looks at all of them.
        rows = [record for record in page if record.propensity == 0.0]
        for campaign in campaigns:
            score = barred_score(rows, campaign, task, exempt[campaign.id])
            if score is not None:
                barred[campaign.id] = max(score, barred.get(campaign.id, score))
    return barred
