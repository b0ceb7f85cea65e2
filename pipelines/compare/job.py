"""Which is the smallest model that does it? `signalbox compare`, or `signalbox-jobs compare`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mlflow
from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.baselines import BASELINES
from pipelines.compare import footprint
from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.job import evaluate
from pipelines.evaluate.report import with_interval
from pipelines.sinks import mlflow_runs, textfile
from pipelines.statistics import proportions
from signalbox.artifacts import current_release, gguf_file
from signalbox.contracts.record import LabelledText
from signalbox.settings import Settings
from signalbox.tasks import Task, load_data, load_task

LEVEL = 0.05  # of the paired test


@dataclass(frozen=True)
class Entry:
    """A row of the table: a model or a baseline, on the same test rows."""

    name: str
    right: tuple[bool, ...]
    latencies_seconds: tuple[float, ...]
    memory_bytes: int | None
    size_bytes: int | None


@dataclass(frozen=True)
class Comparison:
    """All rows, with what follows from them."""

    task: str
    languages: tuple[str, ...]
    row_languages: tuple[str, ...]
    entries: tuple[Entry, ...]
    conclusion: str


def compare(settings: Settings, evaluations: Sequence[Evaluation] | None = None) -> Comparison:
    """Evaluate what is not evaluated yet, and set it beside the baselines; logged to MLflow and to a file."""
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
    _keep(settings, comparison)
    return comparison


def conclude(entries: Sequence[Entry]) -> str:
    """What the paired tests (McNemar, exact) allow to say."""
    majority = next(entry for entry in entries if entry.name == "majority")
    better = [e for e in entries if sum(e.right) > sum(majority.right) and _differ(e, majority)]
    best = max(better or entries, key=lambda entry: sum(entry.right))
    if not better:
        return (
            f"No model is distinguishable from the majority baseline on these {len(best.right)} rows "
            f"(best: {best.name}, {sum(best.right) / len(best.right):.2f}). More labels or a larger model are needed."
        )
    equals = [entry for entry in entries if not _differ(best, entry)]
    smallest = min(equals, key=lambda entry: (_effort(entry), entry is not best))
    if smallest is not best:
        return (
            f"Best is {best.name}; the smallest that cannot be told from it on these rows is {smallest.name} "
            f"(p = {proportions.mcnemar_p_value(best.right, smallest.right):.2f})."
        )
    if best.name in BASELINES:
        return f"The baseline {best.name} is the best on these rows; no model is better than it."
    return f"{best.name} is better than every smaller model on these rows (p ≤ {LEVEL})."


def _differ(one: Entry, other: Entry) -> bool:
    return proportions.mcnemar_p_value(one.right, other.right) <= LEVEL


def _effort(entry: Entry) -> float:
    """For the order by size: a baseline is no model at all, a model elsewhere may be of any size."""
    if entry.name in BASELINES:
        return 0.0
    return math.inf if entry.size_bytes is None else float(entry.size_bytes)


def rendered(comparison: Comparison) -> list[list[str]]:
    """Header and rows as text."""
    header = ["model", *(f"accuracy {language}" for language in comparison.languages)]
    header += ["p50 ms", "p95 ms", "memory MiB", "size MiB"]
    lines = [header]
    for entry in comparison.entries:
        quantiles = proportions.quantiles(entry.latencies_seconds)
        cells = [entry.name, *(_accuracy(comparison, entry, language) for language in comparison.languages)]
        cells += [f"{quantiles[0.5] * 1000:.1f}", f"{quantiles[0.95] * 1000:.1f}"]
        cells += [_mebibytes(entry.memory_bytes), _mebibytes(entry.size_bytes)]
        lines.append(cells)
    return lines


def markdown(comparison: Comparison) -> str:
    """The table for a file."""
    header, *lines = rendered(comparison)
    table = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in table) + f"\n\n{comparison.conclusion}\n"


def show(comparison: Comparison, console: Console) -> None:
    """The table for a terminal."""
    header, *lines = rendered(comparison)
    title = f"{comparison.task}: {len(comparison.row_languages)} test rows, accuracy with 95 % interval"
    table = Table(
        *header, title=title, box=box.SIMPLE, pad_edge=False
    )  # an interval is not cut at 80 columns
    for line in lines:
        table.add_row(*line)
    console.print(table)
    console.print(comparison.conclusion)


def _accuracy(comparison: Comparison, entry: Entry, language: str) -> str:
    here = [r for r, own in zip(entry.right, comparison.row_languages, strict=True) if own == language]
    return with_interval(sum(here) / len(here), proportions.accuracy_interval(sum(here), len(here)))


def _model_entry(settings: Settings, evaluation: Evaluation) -> Entry:
    parts = ("encoder", "decoder") if evaluation.route == "cascade" else (evaluation.route,)
    memory = [_MEMORY[part](settings) for part in parts]
    sizes = [_SIZE[part](settings) for part in parts]
    return Entry(
        evaluation.route,
        tuple(evaluation.right),
        tuple(record.latency_seconds for record in evaluation.records),
        _total(memory),
        _total(sizes),
    )


def _baseline_entry(task: Task, name: str, rows: Sequence[LabelledText]) -> Entry:
    """Learnt per language from the few-shot split; one call a text, to be timed like the models."""
    right: list[bool] = []
    latencies: list[float] = []
    few_shot = load_data(task, "few-shot")
    fitted = {}
    for language in {row.language for row in rows}:
        train = [row for row in few_shot if row.language == language]
        fitted[language] = BASELINES[name]().fit([r.text for r in train], [r.label == "yes" for r in train])
    for row in rows:
        started = time.perf_counter()
        (p_yes,) = fitted[row.language].predict_p_yes([row.text])
        latencies.append(time.perf_counter() - started)
        right.append((p_yes >= 0.5) == (row.label == "yes"))
    return Entry(name, tuple(right), tuple(latencies), None, None)


def _decoder_size(settings: Settings) -> int | None:
    return None if settings.decoder_url else gguf_file(settings.decoder_model).stat().st_size


def _encoder_size(settings: Settings) -> int | None:
    return None if settings.encoder_url else _folder_bytes(current_release(settings))


_MEMORY: dict[str, Callable[[Settings], int | None]] = {
    "encoder": lambda s: None if s.encoder_url else footprint.resident_bytes(s.encoder_port),
    "decoder": lambda s: None if s.decoder_url else footprint.resident_bytes(s.decoder_port),
}
_SIZE: dict[str, Callable[[Settings], int | None]] = {"encoder": _encoder_size, "decoder": _decoder_size}


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _mebibytes(value: int | None) -> str:
    return "" if value is None else f"{value / 2**20:.0f}"


def _keep(settings: Settings, comparison: Comparison) -> None:
    folder = settings.state_dir / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    text = markdown(comparison)
    (folder / "comparison.md").write_text(text, encoding="utf-8")
    with mlflow_runs.run(settings, comparison.task, "compare", "compare"):
        mlflow.log_text(text, "comparison.md")
        for entry in comparison.entries:
            mlflow.log_metric(f"accuracy.{entry.name}", sum(entry.right) / len(entry.right))
    textfile.write_success(settings.state_dir / "metrics", f"compare-{comparison.task}")
