"""The commands on requests: the input and output around the pure steps."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from signalbox.certificate import folder as campaign_files
from signalbox.contracts.certificate import Campaign, CertificateKey
from signalbox.contracts.record import Record
from signalbox.contracts.requests import Assignment, LabelRequest, Reviewer, ReviewState, Sampling
from signalbox.errors import InputError, SetupError
from signalbox.io import write_whole
from signalbox.requests.agreement import agreement_of
from signalbox.requests.answers import answer_pages
from signalbox.requests.entries import entries_of
from signalbox.requests.exchange import FORMATS, SUFFIXES, FileFormat, FileRow
from signalbox.requests.known import data_hashes
from signalbox.requests.labels import requested_labels
from signalbox.requests.price import Price, price_of
from signalbox.requests.sampling import Frame, drawn, in_order, sampling_of
from signalbox.settings import Settings
from signalbox.store import Store, store_of
from signalbox.tasks import load_task

# Long enough for a spreadsheet that is sent around.
EXPORT_SECONDS = 14 * 86_400.0

_REVIEWER = TypeAdapter(Reviewer)


class LabelRun:
    """One command for a task. `language` "": all."""

    def __init__(self, settings: Settings, language: str) -> None:
        self._settings, self._language = settings, language
        self._task = load_task(settings.task)
        if language:
            self._task.language(language)

    async def request(self) -> list[str]:
        """Requests for the newest campaigns. Raises SetupError if there is no campaign, InputError without texts."""
        if not self._settings.store_text:
            hint = "Set SIGNALBOX_STORE_TEXT=true; texts that are stored from then on can be judged."
            raise InputError("store_text", False, hint, problem="store_text: texts are not stored.")
        folder = self._settings.certificates_dir
        chosen = _newest(
            one
            for one in campaign_files.campaigns_of(folder, self._task.name)
            if self._language in ("", one.key.language)
        )
        if not chosen:
            hint = "Plan one with `signalbox certify --plan`."
            raise SetupError(f"No campaign of `{self._task.name}` is in {folder}.", hint=hint)
        known = data_hashes(self._task)
        async with self._store() as store:
            return [await self._fill(store, campaign, known) for campaign in chosen]

    async def _fill(self, store: Store, campaign: Campaign, known: frozenset[str]) -> str:
        excluded = await store.requests.excluded_hashes(campaign.key.task)
        frame = partial(Frame, campaign, self._task, known=known, excluded=excluded)
        stored = {one.campaign.id: one for one in await store.requests.campaigns(campaign.key.task)}
        sampling = stored.get(campaign.id)
        if sampling is None:
            inside = await _count(store, campaign.key, frame())
            sampling = sampling_of(campaign, inside, self._settings.second_review_share)
        await store.requests.add_campaign(sampling)
        added = await store.requests.add_requests(await _requests(store, sampling, frame()))
        note = " (in the queue before; new ones only)" if campaign.id in stored else ""
        return f"{campaign.key.title}: {len(added)} texts, each chosen with the chance {sampling.propensity:.2g}{note}"

    async def status(self) -> list[str]:
        """One line for each open campaign, and one for the agreement of reviewers."""
        lines = []
        async with self._store() as store:
            for sampling in await store.requests.open_campaigns(self._task.name, self._language):
                states = await store.requests.states(sampling.campaign.id)
                price = price_of(sampling.campaign, requested_labels(states, self._task))
                lines.append(f"{sampling.campaign.key.title}: {_price_line(price, states)}")
                agreement = agreement_of(states)
                if agreement.share is not None:
                    kappa = "" if agreement.kappa is None else f", kappa {agreement.kappa:.2f}"
                    lines.append(
                        f"  two reviewers agree on {agreement.equal} of {agreement.rows} texts{kappa}"
                    )
        return lines or [
            "No campaign is open. Run `signalbox certify --plan`, then `signalbox labels request`."
        ]

    async def export(
        self, file: Path, format_name: str, reviewer: str, count: int, *, answered: bool
    ) -> list[str]:
        """Write a file with texts to be judged, or with those that have a label."""
        chosen = _format_of(file, format_name)
        async with self._store() as store:
            rows = await (self._answered(store) if answered else self._open(store, _name_of(reviewer), count))
        if not rows:
            return [
                "No text is waiting; nothing written."
                if not answered
                else "No text has a label; nothing written."
            ]
        try:
            write_whole(file, chosen.write(rows))
        except OSError as error:
            raise InputError(
                "file", str(file), f"Name a file that can be written: {error.strerror}."
            ) from error
        return [f"{len(rows)} texts written to {file}"]

    async def load(self, file: Path, format_name: str, reviewer: str) -> list[str]:
        """Import a file. Raises InputError that names each row that is wrong; nothing is imported then."""
        chosen, name = _format_of(file, format_name), _name_of(reviewer)
        rows = chosen.read(_text_of(file))
        async with self._store() as store:
            result = entries_of(rows, await self._states(store), self._task)
            entries = [(entry.request_id, entry.action, entry.label) for entry in result.entries]
            await store.requests.enter(entries, name)
        return [
            f"{len(entries)} labels imported ({result.corrected} of them corrections), {result.unchanged} were there, "
            f"{result.unanswered} rows have no answer"
        ]

    async def _states(self, store: Store) -> list[ReviewState]:
        campaigns = await store.requests.campaigns(self._task.name)
        return [state for one in campaigns for state in await store.requests.states(one.campaign.id)]

    async def _open(self, store: Store, reviewer: str, count: int) -> list[FileRow]:
        requests = store.requests
        held = await requests.all_held(self._task.name, reviewer, self._language, most=count)
        # A second review is for the page: its labels have a place of their own.
        taken = [one for one in held if one[0].slot == 1]
        while len(taken) < count:
            another = await requests.take_another(
                self._task.name, reviewer, self._language, slots=1, lease_seconds=EXPORT_SECONDS
            )
            if another is None:
                break
            taken.append(another)
        return [self._row(assignment, record) for assignment, record in taken]

    async def _answered(self, store: Store) -> list[FileRow]:
        rows = []
        for state in await self._states(store):
            label = state.newest.label if state.newest else None
            if state.slot != 1 or label is None or self._language not in ("", state.request.language):
                continue
            record = await store.get(state.request.record_id)
            if record is not None:
                rows.append(self._row(state.request.id, record, label))
        return rows

    def _row(self, request: Assignment | str, record: Record, label: str = "") -> FileRow:
        name = request if isinstance(request, str) else request.request_id
        question = self._task.question.get(record.language) or next(iter(self._task.question.values()))
        return FileRow(name, record.language, question, record.input_text or "", label)

    def _store(self) -> Store:
        return store_of(self._settings)


async def _count(store: Store, key: CertificateKey, frame: Frame) -> int:
    """How many answers of the store are in a frame."""
    return sum([sum(1 for _ in frame.of(page)) async for page in answer_pages(store, key.task, key.language)])


async def _requests(store: Store, sampling: Sampling, frame: Frame) -> list[LabelRequest]:
    """What is drawn from the answers of the store."""
    key = sampling.campaign.key
    pages = answer_pages(store, key.task, key.language)
    return in_order([request async for page in pages for request in drawn(sampling, frame.of(page))])


def _newest(campaigns: Iterable[Campaign]) -> list[Campaign]:
    """The newest campaign of each language, verdict and route: a new release ends the one of the release before."""
    newest = {}
    for campaign in sorted(campaigns, key=lambda one: one.planned_at):
        key = campaign.key
        newest[key.language, key.verdict, key.route] = campaign
    return list(newest.values())


def _format_of(file: Path, name: str) -> FileFormat:
    chosen = name or SUFFIXES.get(file.suffix.lower(), "")
    if chosen not in FORMATS:
        raise InputError("format", name or file.name, f"Set --format to one of {', '.join(FORMATS)}.")
    return FORMATS[chosen]


def _text_of(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError("file", str(file), f"Name a file that can be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        hint = "Save it as CSV UTF-8 (in a spreadsheet: file type “CSV UTF-8”)."
        problem = f"{file}: not UTF-8, at byte {error.start}."
        raise InputError("file", str(file), hint, problem=problem) from error


def _name_of(reviewer: str) -> str:
    try:
        return _REVIEWER.validate_python(reviewer)
    except ValidationError as error:
        raise InputError(
            "reviewer", reviewer, "Set --reviewer to the name of the person, 1 to 100 characters."
        ) from error


def _price_line(price: Price, states: list[ReviewState]) -> str:
    waiting = sum(state.slot == 1 and not state.is_done for state in states)
    counts = f"{price.answered} of {price.asked} requested texts answered, {waiting} waiting"
    green = f"; the surest {price.green:.0%} are shown" if price.green else ""
    if price.share is None:
        return f"{counts}{green}; no more labels are needed"
    figures = f"{price.labels} labels above the next threshold, {price.wrong} wrong"
    if price.more is None:
        return f"{counts}{green}; {figures}: too many for the surest {price.share:.0%}"
    return f"{counts}{green}; {figures}: {price.more} more right ones make the surest {price.share:.0%} green"
