"""Evaluate the running services on the test split: `signalbox evaluate`, or `signalbox-jobs evaluate`.

Texts go through the assessor as a user's would; the figures are computed from the records that it kept, because
the API withholds what is red. What was asked is journalled, so a killed evaluation goes on where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Sequence

import aiohttp
from rich.console import Console
from rich.progress import Progress

from pipelines.baselines import BASELINES, accuracy, check_learnable
from pipelines.evaluate import report
from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.summary import ALL, Summary, summarise
from pipelines.options import ROUTES
from pipelines.sinks import mlflow_runs, textfile
from signalbox import thresholds
from signalbox.contracts.record import LabelledText, ModelRelease, Record, Route
from signalbox.errors import InputError, SetupError
from signalbox.models.factory import make_client
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import Task, load_data, load_task

_MODELS: dict[Route, tuple[str, ...]] = {
    "encoder": ("encoder",),
    "decoder": ("decoder",),
    "cascade": ("encoder", "decoder"),
}
_CONCURRENCY = 2


def evaluate(
    settings: Settings,
    *,
    routes: Sequence[Route] = ROUTES,
    limit: int | None = None,
    fresh: bool = False,
    console: Console | None = None,
) -> list[Evaluation]:
    """Evaluate routes; `limit` takes the first rows of each language and label; `fresh` asks everything again."""
    return asyncio.run(_evaluate(settings, routes, limit, fresh, console or Console()))


async def _evaluate(
    settings: Settings, routes: Sequence[Route], limit: int | None, fresh: bool, console: Console
) -> list[Evaluation]:
    task = load_task(settings.task)
    rows = choose(load_data(task, "test"), limit)
    if not rows:
        raise InputError("split", "test", f"{task.folder}/data.jsonl has no such rows; add some.")
    check_learnable(load_data(task, "few-shot"), {row.language for row in rows})
    evaluations = []
    with Progress(console=console) as progress:
        for route in routes:
            releases = await _releases(settings, task, route)
            journal = Journal(settings, task, route, releases, rows)
            asked = await _ask(settings, route, rows, journal, fresh, progress)
            records = await _read(settings, rows, journal)
            check_releases(releases, records)
            evaluation = Evaluation(
                task.name, route, releases, summaries(task, rows, records), tuple(rows), tuple(records)
            )
            evaluations.append(evaluation)
            if asked or not journal.logged:
                _publish(settings, evaluation)
                journal.mark_logged()
    return evaluations


def choose(rows: Sequence[LabelledText], limit: int | None) -> list[LabelledText]:
    """The first `limit` rows of each language and label; all without a limit."""
    seen: dict[tuple[str, str], int] = {}
    chosen = []
    for row in rows:
        key = (row.language, row.label)
        seen[key] = seen.get(key, 0) + 1
        if limit is None or seen[key] <= limit:
            chosen.append(row)
    return chosen


def summaries(task: Task, rows: Sequence[LabelledText], records: Sequence[Record]) -> dict[str, Summary]:
    """Per language, and `all`. Baselines learn from the few-shot split, as the encoder's head does."""
    few_shot = load_data(task, "few-shot")
    found = {}
    for language in (*sorted({row.language for row in rows}), ALL):
        here = [(r, row) for r, row in zip(records, rows, strict=True) if language in {ALL, row.language}]
        train = [row for row in few_shot if language in {ALL, row.language}]
        test = [row for _, row in here]
        baselines = {name: accuracy(make(), train, test) for name, make in BASELINES.items()}
        found[language] = summarise([r for r, _ in here], [row.label for row in test], baselines, language)
    return found


class Journal:
    """Row id → prediction id, appended and synced; its name holds all that would make it stale."""

    def __init__(
        self,
        settings: Settings,
        task: Task,
        route: Route,
        releases: Sequence[ModelRelease],
        rows: Sequence[LabelledText],
    ) -> None:
        digest = hashlib.sha256()
        for release in releases:
            path = thresholds.path_for(settings.thresholds_dir, task.name, release)
            digest.update(release.key.encode() + (path.read_bytes() if path.exists() else b""))
        for row in rows:
            digest.update(row.model_dump_json().encode())
        folder = settings.state_dir / "evaluations"
        self._path = folder / f"{task.name}-{route}-{digest.hexdigest()[:12]}.jsonl"
        self._logged = self._path.with_suffix(".logged")
        self.done = self._load()

    @property
    def logged(self) -> bool:
        """Whether this evaluation was published."""
        return self._logged.exists()

    def mark_logged(self) -> None:
        """Remember that it was published."""
        self._logged.touch()

    def clear(self) -> None:
        """Forget all."""
        self._path.unlink(missing_ok=True)
        self._logged.unlink(missing_ok=True)
        self.done = {}

    def add(self, row: str, prediction: str) -> None:
        """Append durably."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([row, prediction]) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.done[row] = prediction

    def _load(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:  # a torn last line has no end; the next one must not be glued to it
            os.truncate(self._path, len(whole))
        return dict(json.loads(line) for line in whole.splitlines())


async def _releases(settings: Settings, task: Task, route: Route) -> tuple[ModelRelease, ...]:
    found = []
    for name in _MODELS[route]:
        client = make_client(settings, task, "encoder" if name == "encoder" else "decoder")
        try:
            found.append(await client.release())
        finally:
            await client.close()
    return tuple(found)


def check_releases(expected: Sequence[ModelRelease], records: Sequence[Record]) -> None:
    """SetupError when another release answered than the server named before: its figures would be mislabelled."""
    strangers = {r.release.key for r in records if r.release is not None and r.release not in expected}
    if strangers:
        raise SetupError(
            f"While evaluating {' → '.join(release.key for release in expected)}, answers came from "
            f"{', '.join(sorted(strangers))}: a model was changed meanwhile. Evaluate again with --fresh."
        )


async def _ask(
    settings: Settings,
    route: Route,
    rows: Sequence[LabelledText],
    journal: Journal,
    fresh: bool,
    progress: Progress,
) -> int:
    """Ask what the journal does not have; returns how many rows that were."""
    if fresh:
        journal.clear()
    todo = [row for row in rows if row.id not in journal.done]
    bar = progress.add_task(f"evaluate {route}", total=len(rows), completed=len(rows) - len(todo))
    queue: asyncio.Queue[LabelledText] = asyncio.Queue()
    for row in todo:
        queue.put_nowait(row)
    timeout = aiohttp.ClientTimeout(total=settings.decoder_timeout_seconds * 2)

    async def work(session: aiohttp.ClientSession) -> None:
        while not queue.empty():
            row = queue.get_nowait()
            journal.add(row.id, await _assess(settings, session, route, row))
            progress.advance(bar)

    async with aiohttp.ClientSession(timeout=timeout) as session:
        await asyncio.gather(*(work(session) for _ in range(_CONCURRENCY)))
    return len(todo)


async def _assess(settings: Settings, session: aiohttp.ClientSession, route: Route, row: LabelledText) -> str:
    """One text a request, so that its latency is a user's. Returns the prediction's id."""
    body = {"text": row.text, "language": row.language, "model": route, "source": "evaluation"}
    url = f"{settings.assessor_base_url}/v1/assess"
    try:
        async with session.post(url, json=body, headers=settings.assessor_headers) as answer:
            if answer.status != 200:
                raise SetupError(f"{url} answered {answer.status}: {(await answer.text())[:300]}")
            return str((await answer.json())["predictions"][0]["id"])
    except (aiohttp.ClientError, TimeoutError) as error:
        hint = (
            "Start it with `signalbox serve`, or set SIGNALBOX_ASSESSOR_URL; what was asked so far is kept."
        )
        raise SetupError(
            f"The assessor at {settings.assessor_base_url} does not answer ({str(error) or type(error).__name__}). {hint}"
        ) from error


async def _read(settings: Settings, rows: Sequence[LabelledText], journal: Journal) -> list[Record]:
    records = []
    async with open_store(settings.store_url) as store:
        for row in rows:
            record = await store.get(journal.done[row.id])
            if record is None:
                raise SetupError(
                    f"Record {journal.done[row.id]} is not in the store; evaluate again with --fresh, and check "
                    "that the assessor writes to the same SIGNALBOX_DATABASE_URL."
                )
            records.append(record)
    return records


def _publish(settings: Settings, evaluation: Evaluation) -> None:
    """To MLflow and to the textfile for Prometheus."""
    with mlflow_runs.run(settings, evaluation.task, "evaluate", f"evaluate {evaluation.route}"):
        report.log(evaluation)
    textfile.write(settings.state_dir / "metrics", evaluation)
