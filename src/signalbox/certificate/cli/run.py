"""Plan and certify from the record store: the input and output around the pure steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import get_args

from signalbox.certificate import folder as files
from signalbox.certificate.calibration import calibration_of
from signalbox.certificate.cli.labels import labels_by_campaign
from signalbox.certificate.issue import FEWEST_POOL_ROWS, NotCertified, issue, plan_campaign
from signalbox.certificate.keys import current_key, newest_answers
from signalbox.certificate.labels import Labels, pool_of
from signalbox.certificate.monitoring.ledger import write_issue
from signalbox.certificate.monitoring.states import state_of
from signalbox.certificate.signing import digest_of, load_private_key, sign
from signalbox.contracts.certificate import (
    Campaign,
    Certificate,
    CertificateEvent,
    CertificateKey,
    CertificateState,
)
from signalbox.contracts.labels import Label
from signalbox.contracts.record import Record, Tier, text_sha256
from signalbox.contracts.routes import ROUTES, Route
from signalbox.errors import InputError, SetupError
from signalbox.requests.answers import answer_pages
from signalbox.settings import Settings
from signalbox.store import Store, store_of
from signalbox.tasks import load_data, load_task

TIERS: tuple[Tier, ...] = get_args(Tier)
ACTOR = "job/certify"
_ENOUGH_POOL_ROWS = 1_000


class Run:
    """One call of the command for a task, with its languages and routes."""

    def __init__(self, settings: Settings, language: str | None, route: Route | None) -> None:
        self._settings = settings
        self._task = load_task(settings.task)
        if language is not None:
            self._task.language(language)
        self._languages = [language] if language else list(self._task.languages)
        self._routes: list[Route] = [route] if route else list(ROUTES)
        self._data_hashes = {
            text_sha256(row.text) for tier in TIERS for row in load_data(self._task, tier=tier)
        }

    async def plan(self, now: datetime, *, once: bool, report: Callable[[str], None]) -> None:
        """Write a campaign for each language, route and verdict with enough answers, and report each.

        All are computed before the first one is written: a language that has none must not leave a part of them.
        Raises InputError, StoreUnavailable, SetupError if there is none.
        """
        async with store_of(self._settings) as store:
            pools = [pool for language in self._languages for pool in await self._pools(store, language)]
        campaigns = [
            self._campaign(key, pool, now, once=once) if len(pool) >= FEWEST_POOL_ROWS else None
            for key, pool in pools
        ]
        few = [f"{key.title}: {len(pool)} answers; a plan needs {FEWEST_POOL_ROWS}." for key, pool in pools]
        if not any(campaigns):
            raise SetupError(
                " ".join(few) or "No calibrated answers are in the store.",
                hint="Calibrate, assess more texts, then plan again.",
            )
        for campaign, line in zip(campaigns, few, strict=True):
            if campaign is not None:
                files.save_campaign(self._settings.certificates_dir, campaign, self._task)
            report(line if campaign is None else _planned(campaign))

    async def certify(self, now: datetime, private_key: Path, *, report: Callable[[str], None]) -> None:
        """Issue a certificate for each newest campaign, and report each. Raises NotCertified if there is none."""
        key = load_private_key(private_key)
        folder, task = self._settings.certificates_dir, self._task
        campaigns = [one for one in files.campaigns_of(folder, task.name) if self._selects(one)]
        if not campaigns:
            hint = "Plan one with `signalbox certify --plan`, then enter the labels that it requests."
            raise SetupError(f"No campaign of `{self._task.name}` is in {folder}.", hint=hint)
        failures = []
        async with store_of(self._settings) as store:
            labels_of = await self._labels(store, campaigns)
            for campaign in campaigns:
                labels = labels_of[campaign.id]
                try:
                    check_not_revoked(await store.events.of_campaign(campaign.id))
                    certificate = issue(campaign, labels, now=now, days=task.certificate.days)
                except NotCertified as error:
                    failures.append(error)
                    report(f"{campaign.key.title}: {error.message}\n  {error.hint}{_left_out(labels)}")
                    continue
                path = files.save_certificate(folder, sign(certificate, key), task)
                report(f"{_issued(certificate)}{_left_out(labels)}\n  {path}")
                await write_issue(store.events, certificate, digest_of(certificate), ACTOR)
        if len(failures) == len(campaigns):
            raise NotCertified("No certificate was issued.", hint=failures[0].hint)

    async def _pools(self, store: Store, language: str) -> list[tuple[CertificateKey, list[float]]]:
        """Each key of a language with the scores of its pool. Raises InputError.

        Two passes over the answers: which ones are in a pool is known after the newest of all.
        """
        newest: dict[tuple[Route, str], Record] = {}
        async for page in answer_pages(store, self._task.name, language):
            newest = newest_answers(page, newest)
        pools: dict[CertificateKey, dict[str, float]] = {
            key: {} for key in self._keys(list(newest.values()), language)
        }
        if pools:
            async for page in answer_pages(store, self._task.name, language):
                for key, pool in pools.items():
                    pool.update(pool_of(page, key, self._task, self._data_hashes))
        return [(key, list(pool.values())) for key, pool in pools.items()]

    def _keys(self, records: Sequence[Record], language: str) -> Iterator[CertificateKey]:
        verdicts: Sequence[Label | None] = [None] if self._task.certificate.marginal else self._task.names
        for route in self._routes:
            for verdict in verdicts:
                try:
                    yield current_key(records, self._task, language, route, verdict)
                except InputError:
                    if len(self._routes) == 1:
                        raise

    def _campaign(self, key: CertificateKey, pool: Sequence[float], now: datetime, *, once: bool) -> Campaign:
        """With what the calibration rows say, unless they show no zone: their texts may be harder than those of users."""
        spec = self._task.certificate
        plan = partial(
            plan_campaign,
            key,
            pool,
            alpha=spec.alpha,
            delta=spec.delta,
            planned_at=now,
            once=once,
            labels=spec.labels,
        )
        calibration = calibration_of(self._settings.thresholds_dir, key)
        if (
            calibration is not None
            and (with_rows := plan(calibration=calibration)).planned_labels == spec.labels
        ):
            return with_rows
        return plan()

    def _selects(self, campaign: Campaign) -> bool:
        return campaign.key.language in self._languages and campaign.key.route in self._routes

    async def _labels(self, store: Store, campaigns: Sequence[Campaign]) -> dict[str, Labels]:
        labels: dict[str, Labels] = {}
        for language in self._languages:
            if own := [one for one in campaigns if one.key.language == language]:
                labels |= await labels_by_campaign(store, own, self._task, self._data_hashes)
        return labels


def check_not_revoked(events: Sequence[CertificateEvent]) -> None:
    """Raise NotCertified for a campaign that was revoked: more of its labels are no way around that."""
    if state_of(events) is CertificateState.REVOKED:
        raise NotCertified(
            "The certificate of this campaign was revoked.",
            hint="Plan a new campaign with `signalbox certify --plan`.",
        )


def _planned(campaign: Campaign) -> str:
    enough = campaign.pool_rows >= _ENOUGH_POOL_ROWS
    note = "" if enough else f" (from {campaign.pool_rows} answers; {_ENOUGH_POOL_ROWS} place it better)"
    return (
        f"{campaign.key.title}: request labels at random among scores of {campaign.thresholds[-1]:.3g} or more, "
        f"the surest {campaign.shares[-1]:.0%}{note}; {campaign.planned_labels} labels"
    )


def _issued(certificate: Certificate) -> str:
    row = certificate.decisive
    return (
        f"{certificate.campaign.key.title}: certified from the score {row.threshold:.3g} on, the surest "
        f"{row.share:.0%}; {row.errors} of {row.labels} labels wrong, valid until {certificate.expires_at:%Y-%m-%d}"
    )


def _left_out(labels: Labels) -> str:
    parts = Counter(labels.left_out).most_common()
    return f"; left out: {', '.join(f'{count} {reason}' for reason, count in parts)}" if parts else ""
