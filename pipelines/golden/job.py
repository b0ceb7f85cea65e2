"""Send the golden rows through the assessor, compare the answers with the blessed ones, and suspend on a change."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.golden.blessing import BlessedRow, Blessing, answer_of, load, path_of, save
from pipelines.golden.change import p_value
from pipelines.golden.rows import GoldenRow, golden_rows
from signalbox import assessor_client
from signalbox.certificate.folder import verified_or_error
from signalbox.certificate.monitoring import ledger
from signalbox.certificate.monitoring.states import state_of
from signalbox.contracts.certificate import (
    CertificateAction,
    CertificateCause,
    CertificateEvent,
    CertificateState,
)
from signalbox.contracts.record import Record
from signalbox.contracts.routes import Route
from signalbox.errors import SetupError
from signalbox.settings import Settings
from signalbox.store import Store, store_of
from signalbox.tasks import Task, load_task

logger = logging.getLogger(__name__)

ACTOR = "job/golden"
ALPHA = 0.001
# Runs of the same rows when they are blessed: their spread is the noise of the path.
RUNS = 5


@dataclass(frozen=True)
class Outcome:
    """The comparison of one language and route. `p_value` None: nothing was comparable, the rows were blessed now."""

    language: str
    route: Route
    rows: int
    blessed_now: int
    right: int
    other_verdicts: int
    p_value: float | None
    is_new: bool = True

    @property
    def changed(self) -> bool:
        """Whether the path gives other answers under the same names."""
        return self.p_value is not None and self.p_value <= ALPHA


@dataclass(frozen=True)
class Result:
    """A run of the job, with the events that it wrote."""

    task: str
    outcomes: tuple[Outcome, ...]
    events: tuple[CertificateEvent, ...]


def golden(settings: Settings, routes: Sequence[Route], *, bless: bool = False) -> Result:
    """Compare each route. Raises InputError, SetupError, StoreUnavailable."""
    return asyncio.run(_golden(settings, load_task(settings.task), routes, bless=bless))


async def _golden(settings: Settings, task: Task, routes: Sequence[Route], *, bless: bool) -> Result:
    rows = golden_rows(task)
    async with store_of(settings) as store:
        outcomes, events = [], []
        for route in routes:
            run = _Run(settings, task, route, rows, store, await store.requests.now())
            found, blessing = await run.compare(bless=bless)
            for outcome in found:
                outcomes.append(outcome)
                if outcome.changed and outcome.is_new:
                    events += await suspend(settings, store, task, outcome)
            # Last, because a change that the blessing names as reported suspends nothing any more.
            save(settings.state_dir / "golden", blessing)
    return Result(task.name, tuple(outcomes), tuple(events))


class _Run:
    """One route: its rows, and the blessing that they are compared with."""

    def __init__(
        self,
        settings: Settings,
        task: Task,
        route: Route,
        rows: Sequence[GoldenRow],
        store: Store,
        now: datetime,
    ) -> None:
        self._settings, self._task, self._route, self._rows, self._store = settings, task, route, rows, store
        self._folder, self._now = settings.state_dir / "golden", now

    async def compare(self, *, bless: bool) -> tuple[list[Outcome], Blessing]:
        """The outcomes, and the blessing to be stored once they are acted on."""
        blessing = load(self._folder, self._task.name, self._route, self._now)
        blessed = {} if bless else dict(blessing.rows)
        known = set() if bless else blessing.paths
        outcomes = []
        for language in self._task.languages:
            rows = [row for row in self._rows if row.language == language]
            records = await self._query(rows)
            # Another name of the path is a change that everybody sees; its certificates are others, too.
            same = [row for row in rows if row.sha256 in blessed and path_of(records[row.sha256]) in known]
            fresh = [row for row in rows if row not in same]
            outcome = self._outcome(language, rows, same, blessed, records)
            if outcome.changed:
                outcome = await self._report(outcome, same, blessed, records)
            blessed |= await self._bless(fresh, records)
            outcomes.append(outcome)
        blessed_at = self._now if bless else blessing.blessed_at
        return outcomes, Blessing(
            task=self._task.name, route=self._route, blessed_at=blessed_at, rows=blessed
        )

    def _outcome(
        self,
        language: str,
        rows: Sequence[GoldenRow],
        same: Sequence[GoldenRow],
        blessed: dict[str, BlessedRow],
        records: dict[str, Record],
    ) -> Outcome:
        answers = [answer_of(records[row.sha256]) for row in same]
        runs = [blessed[row.sha256].runs for row in same]
        verdict = self._task.verdict_of
        return Outcome(
            language,
            self._route,
            rows=len(same),
            blessed_now=len(rows) - len(same),
            right=sum(verdict(records[row.sha256].verdict) == verdict(row.label) for row in rows),
            other_verdicts=sum(
                max(answer, key=answer.__getitem__) != max(own[0], key=own[0].__getitem__)
                for answer, own in zip(answers, runs, strict=True)
            ),
            p_value=p_value(runs, answers) if same else None,
        )

    async def _report(
        self,
        outcome: Outcome,
        same: Sequence[GoldenRow],
        blessed: dict[str, BlessedRow],
        records: dict[str, Record],
    ) -> Outcome:
        """A change that was reported before stays a change, but is no new one; a new one is stored with its noise."""
        known = [blessed[row.sha256].reported for row in same]
        current = [answer_of(records[row.sha256]) for row in same]
        if all(known) and p_value(known, current) > ALPHA:
            return Outcome(**{**outcome.__dict__, "is_new": False})
        again = await self._bless(same, records)
        for row in same:
            blessed[row.sha256] = blessed[row.sha256].model_copy(update={"reported": again[row.sha256].runs})
        return outcome

    async def _bless(self, rows: Sequence[GoldenRow], records: dict[str, Record]) -> dict[str, BlessedRow]:
        runs: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
        for row in rows:
            runs[row.sha256].append(answer_of(records[row.sha256]))
        for _ in range(RUNS - 1):
            for name, record in (await self._query(rows)).items():
                runs[name].append(answer_of(record))
        return {
            row.sha256: BlessedRow(
                path=path_of(records[row.sha256]), language=row.language, runs=tuple(runs[row.sha256])
            )
            for row in rows
        }

    async def _query(self, rows: Sequence[GoldenRow]) -> dict[str, Record]:
        """Records by the hash of the text. One text a request, as users send them. Raises SetupError for a failure."""
        records = {}
        for row in rows:
            predictions = await asyncio.to_thread(
                assessor_client.assess, self._settings, [row.text], row.language, self._route, "evaluation"
            )
            record = await self._store.get(predictions[0]["id"])
            if record is None or record.error is not None:
                raise SetupError(
                    f"No answer of `{self._route}` to a golden row: {record.error if record else 'no record'}",
                    hint="Start the models of the route, and use the database of the assessor.",
                )
            records[row.sha256] = record
        return records


async def suspend(settings: Settings, store: Store, task: Task, outcome: Outcome) -> list[CertificateEvent]:
    """Suspend each certificate in use of this language and route.

    Raises StoreUnavailable, and InputError where the certificates cannot be verified.
    """
    events, campaigns = [], set[str]()
    for one in verified_or_error(settings.certificates_dir, settings.certificate_public_key):
        campaign = one.certificate.campaign
        where = (campaign.key.task, campaign.key.language, campaign.key.route)
        if where != (task.name, outcome.language, outcome.route) or campaign.id in campaigns:
            continue
        campaigns.add(campaign.id)
        await ledger.write_issue(store.events, one.certificate, one.digest, ACTOR)
        p, rows = outcome.p_value or 0.0, outcome.rows
        event = ledger.event_of(
            one.certificate,
            one.digest,
            CertificateAction.SUSPEND,
            CertificateCause.GOLDEN,
            ACTOR,
            f"the answers to {rows} golden rows changed (p = {p:.2g}, {outcome.other_verdicts} other verdicts)",
            {"rows": rows, "p_value": p, "other_verdicts": outcome.other_verdicts},
        )
        stored = await ledger.write_while(store.events, event, _is_certified)
        events += [stored] if stored else []
    return events


def _is_certified(history: Sequence[CertificateEvent]) -> bool:
    return state_of(history) is CertificateState.CERTIFIED
