"""Publish an evaluation: a run in MLflow, and metrics for Prometheus."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.report import flat, markdown
from pipelines.evaluate.summary import Summary
from pipelines.sinks import datasets, textfile, tracking
from signalbox.contracts import metrics as names
from signalbox.contracts.metric import HIGH, LOW
from signalbox.settings import Settings


def publish(settings: Settings, evaluation: Evaluation) -> None:
    """The textfile comes last: its time of success states that all went well."""
    name, release = f"evaluate {evaluation.route}", evaluation.release_key
    with tracking.run(settings, evaluation.task, "evaluate", name, release=release) as run:
        run.log_dataset(settings, evaluation.task, datasets.rows_digest(evaluation.rows), "test")
        log_run(run, evaluation)
    write_metrics(settings.state_dir / "metrics", evaluation)


def log_run(run: tracking.Run, evaluation: Evaluation) -> None:
    """Params, metrics, table and plots."""
    # Only the shard that publishes draws: matplotlib takes a second of CPU time and 50 MiB.
    from pipelines.evaluate.plots import confusion_figure, reliability_figure  # noqa: PLC0415

    run.log_params({"route": evaluation.route, "release": evaluation.release_key[:500]})
    run.log_text(markdown(evaluation), "evaluation.md")
    run.log_dict({s.name: one.as_dict() for s, one in evaluation.summaries.items()}, "evaluation.json")
    for stratum, summary in evaluation.summaries.items():
        run.log_metrics({f"{name}.{stratum.name}": value for name, value in flat(summary).items()})
        run.log_figure(reliability_figure(evaluation, stratum), f"reliability.{stratum.name}.png")
        run.log_figure(confusion_figure(summary), f"confusion.{stratum.name}.png")


def write_metrics(folder: Path, evaluation: Evaluation) -> Path:
    """Write `evaluate-TASK-ROUTE.prom` atomically; returns its path.

    The collector rejects a series that two files contain. Every route has the same baselines, so these go into
    `evaluate-TASK-baselines.prom`.
    """
    values: textfile.Values = []
    baselines: textfile.Values = []
    for stratum, summary in evaluation.summaries.items():
        tier, language = stratum.tier or "", stratum.language
        where = (evaluation.task, tier, language, evaluation.route, evaluation.release_key)
        values += [*_of_all(where, summary), *_of_labels(where, summary)]
        for baseline, value in summary.baselines.items():
            baselines.append((names.EVAL_BASELINE, (evaluation.task, tier, language, baseline), value))
    job = f"evaluate-{evaluation.task}-{evaluation.route}"
    values.append(textfile.succeeded(job))
    textfile.write_values(folder / f"evaluate-{evaluation.task}-baselines.prom", baselines)
    return textfile.write_values(folder / f"{job}.prom", values)


def _of_all(where: tuple[str, ...], summary: Summary) -> textfile.Values:
    """Figures of all answers of a tier and language, and of each light."""
    values: textfile.Values = [
        (names.EVAL_ACCURACY, where, summary.accuracy),
        (names.EVAL_ACCURACY_BOUND, (*where, LOW), summary.interval[0]),
        (names.EVAL_ACCURACY_BOUND, (*where, HIGH), summary.interval[1]),
        (names.EVAL_BALANCED_ACCURACY, where, summary.balanced_accuracy),
        (names.EVAL_MACRO_F1, where, summary.macro_f1),
        (names.EVAL_AUC, where, summary.auc),
        (names.EVAL_BRIER, where, summary.brier),
        (names.EVAL_ECE, where, summary.ece),
        (names.EVAL_ECE_FLOOR, where, summary.ece_floor),
        (names.EVAL_ROWS, where, float(summary.rows)),
    ]
    values += [(names.EVAL_LATENCY, (*where, f"{q:g}"), s) for q, s in summary.latency_seconds.items()]
    for light, share in summary.lights.items():
        values.append((names.EVAL_COVERAGE, (*where, light), share.coverage))
        values.append((names.EVAL_LIGHT_ERROR, (*where, light), share.error))
    return values


def _of_labels(where: tuple[str, ...], summary: Summary) -> textfile.Values:
    """Precision and recall of each label with their bounds, and the confusion table, by slugs."""
    values: textfile.Values = []
    for label, figures in summary.labels.items():
        of_label = (*where, summary.slugs[label])
        low, high = figures.precision_interval or (None, None)
        values.append((names.EVAL_LABEL_PRECISION, of_label, figures.precision))
        values += [(names.EVAL_LABEL_PRECISION_BOUND, (*of_label, LOW), low)]
        values += [(names.EVAL_LABEL_PRECISION_BOUND, (*of_label, HIGH), high)]
        low, high = figures.recall_interval or (None, None)
        values.append((names.EVAL_LABEL_RECALL, of_label, figures.recall))
        values += [(names.EVAL_LABEL_RECALL_BOUND, (*of_label, LOW), low)]
        values += [(names.EVAL_LABEL_RECALL_BOUND, (*of_label, HIGH), high)]
    for label, row in summary.confusion.items():
        counts: Counter[str] = Counter()
        for verdict, rows in row.items():
            counts[summary.slugs.get(verdict, "other")] += rows
        of_label = (*where, summary.slugs[label])
        values += [(names.EVAL_CONFUSION, (*of_label, slug), float(rows)) for slug, rows in counts.items()]
    return values
