"""Compare models with each other and with baselines: which is the smallest model that is good enough."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import mlflow

from pipelines.baselines import BASELINES, teach, teachable
from pipelines.classes import Classes
from pipelines.compare import footprint
from pipelines.compare.comparison import Comparison, Entry, conclude
from pipelines.compare.table import markdown
from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.job import evaluate
from pipelines.sinks import mlflow_runs, textfile
from pipelines.statistics import balanced_accuracy, label_figures, macro_f1
from signalbox.artifacts import current_release, gguf_file
from signalbox.contracts.labels import Label
from signalbox.contracts.record import LabeledText
from signalbox.contracts.routes import ROUTES, ModelName
from signalbox.settings import Settings
from signalbox.tasks import Task, load_data, load_task

logger = logging.getLogger(__name__)


def compare(settings: Settings, evaluations: Sequence[Evaluation] | None = None) -> Comparison:
    """Compare evaluations (default: of all routes) with the baselines; logged to MLflow and to a file.

    Raises what `evaluate` raises.
    """
    evaluations = evaluate(settings) if evaluations is None else evaluations
    task = load_task(settings.task)
    rows = evaluations[0].rows
    entries = [_model_entry(settings, evaluation) for evaluation in evaluations]
    entries += [_baseline_entry(task, name, rows) for name in ("tfidf", "length", "majority")]
    comparison = Comparison(
        task.name,
        tuple(sorted({row.language for row in rows})),
        tuple(row.language for row in rows),
        tuple(entries),
        conclude(entries),
    )
    publish(settings, comparison)
    logger.info("comparison published", extra={"rows": len(rows), "entries": len(entries)})
    return comparison


def publish(settings: Settings, comparison: Comparison) -> None:
    """The table in a file and in MLflow; the textfile comes last."""
    folder = settings.state_dir / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    text = markdown(comparison)
    (folder / "comparison.md").write_text(text, encoding="utf-8")
    with mlflow_runs.run(settings, comparison.task, "compare", "compare"):
        mlflow.log_text(text, "comparison.md")
        for entry in comparison.entries:
            mlflow.log_metrics(_figures(entry))
    textfile.write_success(settings.state_dir / "metrics", f"compare-{comparison.task}")


def _figures(entry: Entry) -> dict[str, float]:
    figures = {
        "accuracy": sum(entry.right) / len(entry.right),
        "balanced_accuracy": entry.balanced_accuracy,
        "macro_f1": entry.macro_f1,
    }
    return {f"{name}.{entry.name}": value for name, value in figures.items() if value is not None}


def _model_entry(settings: Settings, evaluation: Evaluation) -> Entry:
    models = ROUTES[evaluation.route].models
    memory = [_MEMORY[model](settings) for model in models]
    sizes = [_SIZE[model](settings) for model in models]
    truth = [row.label for row in evaluation.rows]
    verdicts = [record.verdict for record in evaluation.records]
    figures = label_figures(truth, verdicts, evaluation.classes.labels).values()
    return Entry(
        evaluation.route,
        tuple(evaluation.right),
        tuple(record.latency_seconds for record in evaluation.records),
        footprint.total_bytes(memory),
        footprint.total_bytes(sizes),
        balanced_accuracy(figures),
        macro_f1(figures),
    )


def _baseline_entry(task: Task, name: str, rows: Sequence[LabeledText]) -> Entry:
    """Trained per language on the few-shot split; one call per text, to be timed like the models."""
    classes = Classes.of(task)
    few_shot = teachable(classes, load_data(task, "few-shot"))
    baselines = {}
    for language in {row.language for row in rows}:
        train, test = ([row for row in part if row.language == language] for part in (few_shot, rows))
        baselines[language] = teach(BASELINES[name](classes), train, test)
    verdicts: list[Label] = []
    latencies: list[float] = []
    for row in rows:
        start = time.perf_counter()
        verdicts += baselines[row.language].predict([row.text])
        latencies.append(time.perf_counter() - start)
    truth = [row.label for row in rows]
    right = [verdict == label for verdict, label in zip(verdicts, truth, strict=True)]
    figures = label_figures(truth, verdicts, classes.labels).values()
    quality = (balanced_accuracy(figures), macro_f1(figures))
    return Entry(name, tuple(right), tuple(latencies), None, None, *quality)


def _decoder_size(settings: Settings) -> int | None:
    return None if settings.decoder_url else gguf_file(settings.decoder_model).stat().st_size


def _encoder_size(settings: Settings) -> int | None:
    return None if settings.encoder_url else _folder_bytes(current_release(settings))


_MEMORY: dict[ModelName, Callable[[Settings], int | None]] = {
    "encoder": lambda s: None if s.encoder_url else footprint.resident_bytes(s.encoder_port),
    "decoder": lambda s: None if s.decoder_url else footprint.resident_bytes(s.decoder_port),
}
_SIZE: dict[ModelName, Callable[[Settings], int | None]] = {
    "encoder": _encoder_size,
    "decoder": _decoder_size,
}


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
