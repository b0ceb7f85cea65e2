"""Evaluate the running services on the test split.

Texts go through the assessor as a user's would. The figures are computed from its records, because the API withholds
answers that are red.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence, Set

from rich.console import Console

from pipelines.baselines import BASELINES, accuracy, check_learnable, teachable
from pipelines.classes import Classes, today
from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.journal import Journal
from pipelines.evaluate.publish import publish, write_metrics
from pipelines.evaluate.queries import query_assessor
from pipelines.evaluate.records import check_source, drop_stale, read_records
from pipelines.evaluate.summary import Summary, summarize
from pipelines.progress import progress
from pipelines.shards import WHOLE, Shard
from pipelines.strata import Stratum, select_rows, strata_of, stratum_of
from signalbox.contracts.record import LabeledText, ModelRelease, Record, Tier
from signalbox.contracts.routes import ROUTES, Route
from signalbox.errors import InputError
from signalbox.models.factory import make_client
from signalbox.models.reachable import release_within
from signalbox.settings import Settings
from signalbox.tasks import Task, evaluation_rows, load_data, load_task, select_tiers

logger = logging.getLogger(__name__)

JUSTIFIED = 3  # a justification takes most of a decoder's time, and only its length and speed are measured


def evaluate(
    settings: Settings,
    *,
    routes: Sequence[Route] | None = None,
    tiers: Sequence[str] | None = None,
    limit: int | None = None,
    justified: int = JUSTIFIED,
    fresh: bool = False,
    console: Console | None = None,
    shard: Shard = WHOLE,
) -> list[Evaluation]:
    """Evaluate routes and publish their figures. Raises InputError, SetupError, ModelError, StoreUnavailable.

    A shard sends its share of the rows. The shard that sees all of them answered publishes; the others return without the
    evaluation.

    `routes` defaults to those over the models that are enabled, and `tiers` to the first one of the task. `limit` is the
    number of rows of each tier, language and label, `justified` that of those which a decoder justifies, `fresh` ignores earlier answers, and `console` shows progress where
    there is no log.
    """
    if fresh and not shard.is_whole:
        hint = "Run it once without --shards and with --fresh, or delete the folder evaluations of the state folder."
        raise InputError("--fresh", True, hint, problem="--fresh would delete the answers of other shards.")
    task = load_task(settings.task)
    rows: list[LabeledText] = []
    for tier in select_tiers(task, tiers):
        here = select_rows(evaluation_rows(task, tier), limit)
        if not here:
            raise InputError("split", "test", _missing(task, tier))
        check_learnable(Classes.of(task), load_data(task, "few-shot", tier), {row.language for row in here})
        rows += here
    results = [
        asyncio.run(_evaluate(settings, task, route, rows, justified, fresh, console, shard))
        for route in routes or settings.routes
    ]
    return [evaluation for evaluation in results if evaluation is not None]


async def _evaluate(
    settings: Settings,
    task: Task,
    route: Route,
    rows: Sequence[LabeledText],
    justified: int,
    fresh: bool,
    console: Console | None,
    shard: Shard,
) -> Evaluation | None:
    releases = await _releases(settings, task, route)
    journal = Journal(settings, task, route, releases, rows, shard)
    if fresh:
        journal.clear()
    await drop_stale(settings, task, route, releases, rows, journal)
    share = [row for row in rows if shard.holds(row.id)]
    if pending := [row for row in share if row.id not in journal.done]:
        journal.unmark()
    fields = {"route": route, "rows": len(rows), "pending": len(pending)}
    logger.info("evaluation started", extra=fields if shard.is_whole else fields | {"shard": shard.index})
    completed = len(share) - len(pending)
    with progress(f"evaluate {route}", len(share), completed=completed, console=console) as advance:
        sample = {row.id for row in select_rows(rows, justified)}
        # The baselines need no answers, so their second of import and fitting passes while the texts are answered.
        _, accuracies = await asyncio.gather(
            _query(settings, task, route, releases, pending, journal, advance, sample),
            asyncio.to_thread(baseline_accuracies, task, rows),
        )
    with journal.locked():
        journal.reload()
        if missing := sum(row.id not in journal.done for row in rows):
            fields = {"route": route, "shard": shard.index, "missing": missing}
            logger.info("shard finished", extra=fields)
            return None
        return await _finish(settings, task, route, releases, rows, journal, accuracies)


async def _query(
    settings: Settings,
    task: Task,
    route: Route,
    releases: tuple[ModelRelease, ...],
    pending: Sequence[LabeledText],
    journal: Journal,
    advance: Callable[[], None],
    justified: Set[str],
) -> None:
    """One row of each language first: another prompt, release or database is found before hours of answers."""
    if not pending:
        return
    first = list({row.language: row for row in pending}.values())
    await query_assessor(settings, route, first, journal, advance, justified)
    check_source(task, route, releases, await read_records(settings, first, journal))
    rest = [row for row in pending if row.id not in journal.done]
    await query_assessor(settings, route, rest, journal, advance, justified)


async def _finish(
    settings: Settings,
    task: Task,
    route: Route,
    releases: tuple[ModelRelease, ...],
    rows: Sequence[LabeledText],
    journal: Journal,
    accuracies: Mapping[Stratum, Mapping[str, float]],
) -> Evaluation:
    """The evaluation of rows that are all answered, published once."""
    answers = await read_records(settings, rows, journal)
    check_source(task, route, releases, answers)
    records = [today(task, record) for record in answers]
    classes = Classes.of(task)
    figures = summaries(classes, rows, records, accuracies)
    evaluation = Evaluation(task.name, route, releases, figures, tuple(rows), tuple(records), classes)
    if journal.published:
        # MLflow has the run. The time of success is that of each run: a schedule without news is no stale job.
        write_metrics(settings.state_dir / "metrics", evaluation)
    else:
        publish(settings, evaluation)
        journal.mark_published()
        logger.info("evaluation published", extra={"route": route, "release": evaluation.release_key})
    return evaluation


def _missing(task: Task, tier: Tier | None) -> str:
    where = f" in the tier {tier}" if tier else ""
    return f"{task.folder}/data.jsonl has no rows of one sentence{where}; add some."


def baseline_accuracies(task: Task, rows: Sequence[LabeledText]) -> dict[Stratum, dict[str, float]]:
    """Accuracies of the baselines, which learn from the few-shot split of their tier and language."""
    classes = Classes.of(task)
    by_stratum = {}
    for stratum in strata_of(rows):
        few_shot = teachable(classes, load_data(task, "few-shot", stratum.tier))
        train = [row for row in few_shot if row.language == stratum.language]
        test = [row for row in rows if stratum_of(row) == stratum]
        by_stratum[stratum] = {name: accuracy(make(classes), train, test) for name, make in BASELINES.items()}
    return by_stratum


def summaries(
    classes: Classes,
    rows: Sequence[LabeledText],
    records: Sequence[Record],
    accuracies: Mapping[Stratum, Mapping[str, float]],
) -> dict[Stratum, Summary]:
    """Figures per tier and language, next to those of the baselines."""
    by_stratum = {}
    for stratum in strata_of(rows):
        here = [(r, row) for r, row in zip(records, rows, strict=True) if stratum_of(row) == stratum]
        answers, test = [record for record, _ in here], [row for _, row in here]
        labels, families = [row.label for row in test], [row.family for row in test]
        by_stratum[stratum] = summarize(answers, labels, accuracies[stratum], classes, stratum, families)
    return by_stratum


async def _releases(settings: Settings, task: Task, route: Route) -> tuple[ModelRelease, ...]:
    releases = []
    for model in ROUTES[route].models:
        client = make_client(settings, task, model)
        try:
            releases.append(await release_within(client, settings.server_wait_seconds))
        finally:
            await client.close()
    return tuple(releases)
