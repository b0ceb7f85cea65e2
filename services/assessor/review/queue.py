"""The queue of one assessor: hand out, take entries, and say where the campaigns are. Nothing here shows a verdict."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta

from services.assessor.metrics import Metrics
from services.assessor.review.schemas import (
    CampaignProgress,
    LanguageAgreement,
    QueueItem,
    QueueLabel,
    QueueProgress,
)
from signalbox.contracts.labels import Label
from signalbox.contracts.record import Record
from signalbox.contracts.requests import Assignment, Review, ReviewAction, ReviewState, Sampling
from signalbox.errors import InputError, NotFoundError
from signalbox.requests import agreement_of, price_of, requested_labels, settled
from signalbox.store import Store
from signalbox.store.requests import UNDO_SECONDS
from signalbox.tasks import Task

_ITEM = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([12])\.([1-9][0-9]{0,8})")


class Queue:
    """Requests for ground truth of one task. Raises StoreUnavailable where the database does not answer."""

    def __init__(self, task: Task, store: Store, metrics: Metrics) -> None:
        self._task, self._store, self._metrics = task, store, metrics

    async def next(self, reviewer: str, language: str = "") -> QueueItem | None:
        """The text that a reviewer has, else the next one; None if none is waiting. Raises InputError."""
        if language:
            self._task.language(language)
        current = await self._store.requests.held(self._task.name, reviewer, language)
        if current:
            return self._item(*current)
        following = await self._store.requests.take_next(self._task.name, reviewer, language)
        if following is None:
            return None
        self._metrics.count_review(following[1], "assigned")
        return self._item(*following)

    async def enter(self, reviewer: str, item: str, action: ReviewAction, label: Label | None) -> bool:
        """Store what a reviewer says about a text; False if the same entry is there. Raises InputError, NotFoundError."""
        if action is ReviewAction.UNDO:
            raise InputError("action", action.value, "Send POST /v1/queue/undo.")
        if action is ReviewAction.LABEL and label is None:
            raise InputError("label", label, "Send a label, or the action `skip` or `unjudgeable`.")
        if action is not ReviewAction.LABEL and label is not None:
            raise InputError("label", label, f"Remove the label: the action is `{action.value}`.")
        review = Review(
            **_assignment(item, reviewer).model_dump(),
            action=action,
            label=self._task.check_label(label) if label else None,
        )
        is_new = await self._store.requests.add_review(review)
        if is_new and (record := await self._store.requests.record_of(review.request_id)):
            self._metrics.count_review(record, action.value)
        return is_new

    async def undo(self, reviewer: str) -> QueueItem | None:
        """Take back the newest entry of a reviewer, whose text comes again; None if there is none to take back."""
        again = await self._store.requests.undo(self._task.name, reviewer)
        if again is None:
            return None
        self._metrics.count_review(again[1], ReviewAction.UNDO.value)
        return self._item(*again)

    async def progress(self) -> QueueProgress:
        """Where each open campaign is. The order of campaigns says nothing about their verdicts."""
        now = await self._store.requests.now()
        campaigns, by_language = [], defaultdict[str, list[ReviewState]](list)
        for sampling in sorted(await self._open(), key=lambda one: one.campaign.id):
            name = sampling.campaign.id
            states = await self._store.requests.states(name, asked_only=True)
            answers = sum(state.slot == 1 and state.is_done for state in states)
            waiting = await self._store.requests.count(name) - answers
            rows = settled(states, now, timedelta(seconds=UNDO_SECONDS))
            campaigns.append(_progress(sampling, rows, waiting, self._task))
            by_language[sampling.campaign.key.language] += rows
        agreement = [_agreement(language, states) for language, states in sorted(by_language.items())]
        return QueueProgress(
            campaigns=sorted(campaigns, key=lambda one: one.language),
            agreement=[one for one in agreement if one.rows],
        )

    async def _open(self) -> list[Sampling]:
        return await self._store.requests.open_campaigns(self._task.name)

    def _item(self, assignment: Assignment, record: Record) -> QueueItem:
        task, language = self._task, record.language
        return QueueItem(
            id=f"{assignment.request_id}.{assignment.slot}.{assignment.attempt}",
            language=language,
            text=record.input_text or "",
            context=record.context,
            question=task.question.get(language) or next(iter(task.question.values())),
            labels=[
                QueueLabel(
                    label=label,
                    word=task.word(label, language),
                    description=task.description(label, language),
                )
                for label in task.answers
            ],
        )


def _assignment(item: str, reviewer: str) -> Assignment:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise NotFoundError("id", item, "Use the id of the text that /v1/queue/next returned.")
    request_id, slot, attempt = match.groups()
    return Assignment(request_id=request_id, slot=int(slot), attempt=int(attempt), reviewer=reviewer)


def _progress(sampling: Sampling, states: list[ReviewState], waiting: int, task: Task) -> CampaignProgress:
    price = price_of(sampling.campaign, requested_labels(states, task))
    return CampaignProgress(
        language=sampling.campaign.key.language,
        labels=price.labels,
        wrong=price.wrong,
        needed=price.needed,
        more=price.more,
        texts=price.texts,
        share=price.share,
        green=price.green,
        asked=price.asked,
        answered=price.answered,
        waiting=waiting,
    )


def _agreement(language: str, states: list[ReviewState]) -> LanguageAgreement:
    agreement = agreement_of(states)
    return LanguageAgreement(
        language=language,
        rows=agreement.rows,
        equal=agreement.equal,
        share=agreement.share,
        kappa=agreement.kappa,
    )
