"""Plans and certificates from the store: what is barred, what is written, and that pages change no result."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signalbox.certificate.cli.labels import labels_by_campaign
from signalbox.certificate.cli.run import Run
from signalbox.certificate.folder import campaigns, certificate_files
from signalbox.certificate.issue import NotCertified, plan_campaign
from signalbox.certificate.keys import current_key
from signalbox.certificate.labels import Labels, barred_score, in_pool
from signalbox.certificate.monitoring.reading import labels_from
from signalbox.certificate.signing import create_key
from signalbox.contracts.certificate import Campaign, CertificateKey
from signalbox.contracts.labels import NO, YES
from signalbox.contracts.record import ModelRelease, Record, text_sha256
from signalbox.contracts.requests import LabelRequest, Sampling
from signalbox.errors import InputError
from signalbox.requests.labels import with_queue
from signalbox.settings import Settings
from signalbox.store import Store, open_store
from tests.signalbox.certificate.examples import RELEASE, TASK_FOLDER, entry, record, requested, task

NOW = datetime.now(UTC)
SURE = 9.95
OTHER = ModelRelease(name="m", revision="0", engine="llama.cpp", quantization="Q4_1")


@pytest.fixture
def settings(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SIGNALBOX_DATABASE_URL", url)
    monkeypatch.setenv("SIGNALBOX_TASK", str(TASK_FOLDER))
    return Settings()


class Certification:
    """One campaign of the decoder, from its pool to its certificate."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.lines = settings, list[str]()
        self.run = Run(settings, "en", "decoder")

    async def plan(self) -> Campaign:
        async with open_store(self.settings.store_url) as store:
            await store.append_many(
                [record(n, created_at=NOW - timedelta(days=1, minutes=n)) for n in range(300)]
            )
        await self.run.plan(datetime.now(UTC), once=False, report=self.lines.append)
        (campaign,) = campaigns(self.settings.certificates_dir)
        return campaign

    async def label(self, count: int = 60) -> None:
        """Answers that were shown red, each with its label."""
        now = datetime.now(UTC)
        rows = [
            requested(1000 + n, created_at=now, asked_at=now + timedelta(milliseconds=n))
            for n in range(count)
        ]
        async with open_store(self.settings.store_url) as store:
            await store.append_many(rows)
            for row in rows:
                await store.add_feedback(entry(row, created_at=row.asked_at + timedelta(microseconds=1)))

    async def request(self, text: str, campaign: Campaign | None = None) -> None:
        """The row that says that a person is asked about a text."""
        async with open_store(self.settings.store_url) as store:
            if campaign is not None:
                await store.requests.add_campaign(Sampling(campaign=campaign, propensity=0.5))
            await store.requests.add_requests([request_of(text, campaign)])

    async def answer(self, text: str, score: float = SURE) -> None:
        """An answer that could not be asked for, as the assessor stores it."""
        row = record(5000, input_sha256=text_sha256(text), score=score, propensity=0.0)
        async with open_store(self.settings.store_url) as store:
            await store.append(row.model_copy(update={"created_at": datetime.now(UTC)}))

    async def certify(self) -> dict[str, object]:
        private = self.settings.certificate_signing_key
        create_key(private)
        await self.run.certify(datetime.now(UTC), private, report=self.lines.append)
        (path,) = certificate_files(self.settings.certificates_dir)
        certificate: dict[str, object] = json.loads(path.read_text("utf-8"))["certificate"]
        return certificate


def request_of(text: str, campaign: Campaign | None) -> LabelRequest:
    return LabelRequest(
        campaign_id=campaign.id if campaign else None,
        task="medical",
        language="en",
        record_id="a record of another release",
        input_sha256=text_sha256(text),
        verdict=YES,
        score=SURE,
        propensity=0.5,
        rank=0.0,
    )


async def test_a_text_that_was_requested_elsewhere_since_the_plan_bars_its_scores(settings: Settings) -> None:
    one = Certification(settings)
    await one.plan()
    await one.label()
    await one.request("another route asked")
    await one.answer("another route asked")
    with pytest.raises(NotCertified):
        await one.certify()
    assert "a part of the answers above it had no chance to be requested" in one.lines[-1]
    assert "signalbox certify --plan" in one.lines[-1]
    assert certificate_files(settings.certificates_dir) == []


async def test_a_certificate_says_up_to_which_score_an_answer_had_no_chance(settings: Settings) -> None:
    one = Certification(settings)
    campaign = await one.plan()
    await one.label()
    middle = (campaign.thresholds[-2] + campaign.thresholds[-1]) / 2
    await one.request("another route asked")
    await one.answer("another route asked", middle)
    certificate = await one.certify()
    assert certificate["barred"] == middle
    assert certificate["threshold"] == campaign.thresholds[-2]


async def test_a_text_that_was_requested_before_the_plan_is_no_part_of_the_campaign(
    settings: Settings,
) -> None:
    """Else a text that comes again under a new release would rule out every certificate of it."""
    one = Certification(settings)
    await one.request("the release before asked")
    campaign = await one.plan()
    await one.label()
    await one.answer("the release before asked")
    certificate = await one.certify()
    assert certificate["barred"] is None
    assert certificate["threshold"] == campaign.thresholds[-1]


async def test_a_text_of_the_own_queue_that_comes_again_bars_nothing(settings: Settings) -> None:
    one = Certification(settings)
    campaign = await one.plan()
    await one.label()
    await one.request("the queue asked", campaign)
    await one.answer("the queue asked")
    certificate = await one.certify()
    assert certificate["barred"] is None


async def test_a_language_that_cannot_be_planned_leaves_no_part_of_a_plan(settings: Settings) -> None:
    async with open_store(settings.store_url) as store:
        await store.append_many([record(n, language="de") for n in range(300)])
    lines: list[str] = []
    run = Run(settings, None, "decoder")
    with pytest.raises(InputError, match="no calibrated answer of `decoder` in `en`"):
        await run.plan(NOW, once=False, report=lines.append)
    assert campaigns(settings.certificates_dir) == []
    assert lines == []


async def test_campaigns_that_were_written_are_reported_when_the_next_one_fails(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(settings.store_url) as store:
        await store.append_many([record(n) for n in range(300)])
        await store.append_many([record(n, verdict=NO, stated=NO) for n in range(300, 600)])
    lines: list[str] = []

    def report(line: str) -> None:
        """The disk is full after the first campaign."""
        lines.append(line)
        monkeypatch.setattr("signalbox.certificate.folder.write_whole", _full)

    with pytest.raises(OSError, match="No space left"):
        await Run(settings, "en", "decoder").plan(NOW, once=False, report=report)
    (campaign,) = campaigns(settings.certificates_dir)
    assert [line.split(":")[0] for line in lines] == [campaign.key.title]


def _full(*_: object) -> None:
    raise OSError("No space left on device")


def answers() -> list[Record]:
    """Answers of releases, routes, verdicts and languages in turn: texts come again, and many share one time."""
    rows = []
    for number in range(2_600):
        seconds = number // 4 if number < 1_300 else 500
        asked = number % 23 == 0
        time = NOW + timedelta(seconds=seconds)
        fields = {
            "id": f"record-{number * 7_919 % 2_600:05}",
            "created_at": time,
            "input_sha256": text_sha256(f"text {number * 3 % 1_700}"),
            "language": "de" if number % 29 == 0 else "en",
            "route": "encoder" if number % 7 == 0 else "decoder",
            "prompt_digest": None if number % 7 == 0 else record(0).prompt_digest,
            "release": OTHER if number < 400 else RELEASE,
            "verdict": NO if number % 5 == 0 else YES,
            "thresholds_digest": None if number % 31 == 0 else "0123456789abcdef",
            "source": "evaluation" if number % 37 == 0 else "user",
            "score": number * 31 % 1_000 / 100,
            "propensity": 0.5 if asked else (0.0 if number % 3 == 0 else None),
            "asked": asked,
            "asked_at": time if asked else None,
        }
        rows.append(record(number, **fields))
    return rows


async def _filled(store: Store) -> None:
    rows = answers()
    await store.append_many(rows)
    for row in rows[::46]:
        if row.asked:
            await store.add_feedback(entry(row, NO if row.score > 5 else YES))
    for row in rows[1::40]:
        await store.add_feedback(entry(row))


async def test_pools_read_in_pages_are_those_of_all_records(settings: Settings) -> None:
    async with open_store(settings.store_url) as store:
        await _filled(store)
        for language in ("en", "de"):
            records = await store.records(task="medical", language=language, source="user")
            run = Run(settings, language, None)
            expected = {key: _pool(records, key) for key in run._keys(records, language)}
            pools = {key: sorted(pool) for key, pool in await run._pools(store, language)}
            assert pools == expected
            assert len(pools) >= 4
            assert sum(map(len, pools.values())) > 0


def _pool(records: list[Record], key: CertificateKey) -> list[float]:
    """From all records, the newest first."""
    scores: dict[str, float] = {}
    for row in records:
        if in_pool(row, key, task(), frozenset()):
            scores.setdefault(row.input_sha256, row.score or 0.0)
    return sorted(scores.values())


async def test_labels_read_from_what_was_asked_are_those_of_all_records(settings: Settings) -> None:
    async with open_store(settings.store_url) as store:
        await _filled(store)
        records = await store.records(task="medical", language="en", source="user")
        plans = [_campaign(records, verdict, seconds) for verdict in (YES, NO) for seconds in (0, 150)]
        for plan in plans:
            await store.requests.add_campaign(Sampling(campaign=plan, propensity=0.3))
        await store.requests.add_requests([request_of(f"text {n}", plans[n % 4]) for n in range(0, 200, 7)])
        labels = await labels_by_campaign(store, plans, task(), frozenset())
        for plan in plans:
            expected = await _labels(store, records, plan)
            assert labels[plan.id] == expected
            assert expected.barred is not None
            assert expected.answered


def _campaign(records: list[Record], verdict: str, seconds: int) -> Campaign:
    pool = [number / 100 for number in range(1_000)]
    key = current_key(records, task(), "en", "decoder", verdict)
    return plan_campaign(
        key, pool, alpha=0.1, delta=0.1, labels=100, planned_at=NOW + timedelta(seconds=seconds)
    )


async def _labels(store: Store, records: list[Record], plan: Campaign) -> Labels:
    """From all records of the language at once."""
    shown_red = await labels_from(store, records, plan, task(), frozenset())
    labels = with_queue(shown_red, await store.requests.states(plan.id), 0.3, task())
    known = await store.requests.requested_before("medical", plan.planned_at)
    return replace(labels, barred=barred_score(records, plan, task(), labels.texts | known))
