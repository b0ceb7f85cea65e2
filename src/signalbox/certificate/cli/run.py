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
from signalbox.certificate.issue import FEWEST_POOL_ROWS, NotCertified, issue, plan_campaign
from signalbox.certificate.keys import current_key
from signalbox.certificate.labels import Labels, pool_scores
from signalbox.certificate.monitoring.ledger import write_issue
from signalbox.certificate.monitoring.reading import labels_from
from signalbox.certificate.monitoring.states import state_of
from signalbox.certificate.signing import digest_of, load_private_key, sign
from signalbox.contracts.certificate import Campaign, CertificateEvent, CertificateKey, CertificateState
from signalbox.contracts.labels import Label
from signalbox.contracts.record import Record, Tier, text_sha256
from signalbox.contracts.routes import ROUTES, Route
from signalbox.errors import InputError, SetupError
from signalbox.requests.labels import with_queue
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

    async def plan(self, now: datetime, *, once: bool) -> list[str]:
        """Write a campaign for each language, route and verdict with enough answers; lines that say so.

        Raises InputError, StoreUnavailable, SetupError if there is none.
        """
        lines, planned = [], 0
        async with store_of(self._settings) as store:
            for language in self._languages:
                records = await store.records(task=self._task.name, language=language, source="user")
                for key in self._keys(records, language):
                    pool = pool_scores(records, key, self._task, self._data_hashes)
                    if len(pool) < FEWEST_POOL_ROWS:
                        lines.append(f"{key.title}: {len(pool)} answers; a plan needs {FEWEST_POOL_ROWS}.")
                        continue
                    campaign = self._campaign(key, pool, now, once=once)
                    files.save_campaign(self._settings.certificates_dir, campaign, self._task)
                    planned += 1
                    lines += _planned(campaign)
        if not planned:
            raise SetupError(
                " ".join(lines) or "No calibrated answers are in the store.",
                hint="Calibrate, assess more texts, then plan again.",
            )
        return lines

    async def certify(self, now: datetime, private_key: Path, *, report: Callable[[str], None]) -> list[str]:
        """Issue a certificate for each newest campaign; lines about them. Raises NotCertified if there is none."""
        key = load_private_key(private_key)
        folder, task = self._settings.certificates_dir, self._task
        campaigns = [one for one in files.campaigns_of(folder, task.name) if self._selects(one)]
        if not campaigns:
            hint = "Plan one with `signalbox certify --plan`, then enter the labels that it requests."
            raise SetupError(f"No campaign of `{self._task.name}` is in {folder}.", hint=hint)
        lines, failures = [], []
        async with store_of(self._settings) as store:
            for campaign in campaigns:
                labels = await self._labels(store, campaign)
                try:
                    check_not_revoked(await store.events.of_campaign(campaign.id))
                    certificate = issue(campaign, labels, now=now, days=task.certificate.days)
                except NotCertified as error:
                    failures.append(error)
                    report(f"{campaign.key.title}: {error.message}\n  {error.hint}{_left_out(labels)}")
                    continue
                path = files.save_certificate(folder, sign(certificate, key), task)
                await write_issue(store.events, certificate, digest_of(certificate), ACTOR)
                row = certificate.decisive
                lines.append(
                    f"{campaign.key.title}: certified from the score {row.threshold:.3g} on, the surest "
                    f"{row.share:.0%}; {row.errors} of {row.labels} labels wrong, valid until "
                    f"{certificate.expires_at:%Y-%m-%d}{_left_out(labels)}\n  {path}"
                )
        if not lines:
            raise NotCertified("No certificate was issued.", hint=failures[0].hint)
        return lines

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

    async def _labels(self, store: Store, campaign: Campaign) -> Labels:
        records = await store.records(task=self._task.name, language=campaign.key.language, source="user")
        shown_red = await labels_from(store, records, campaign, self._task, self._data_hashes)
        samplings = await store.requests.campaigns(self._task.name)
        chance = next((one.propensity for one in samplings if one.campaign.id == campaign.id), 0.0)
        return with_queue(shown_red, await store.requests.states(campaign.id), chance, self._task)


def check_not_revoked(events: Sequence[CertificateEvent]) -> None:
    """Raise NotCertified for a campaign that was revoked: more of its labels are no way around that."""
    if state_of(events) is CertificateState.REVOKED:
        raise NotCertified(
            "The certificate of this campaign was revoked.",
            hint="Plan a new campaign with `signalbox certify --plan`.",
        )


def _planned(campaign: Campaign) -> list[str]:
    enough = campaign.pool_rows >= _ENOUGH_POOL_ROWS
    note = "" if enough else f" (from {campaign.pool_rows} answers; {_ENOUGH_POOL_ROWS} place it better)"
    return [
        f"{campaign.key.title}: request labels at random among scores of {campaign.thresholds[-1]:.3g} or more, "
        f"the surest {campaign.shares[-1]:.0%}{note}; {campaign.planned_labels} labels"
    ]


def _left_out(labels: Labels) -> str:
    parts = Counter(labels.left_out).most_common()
    return f"; left out: {', '.join(f'{count} {reason}' for reason, count in parts)}" if parts else ""
