"""Publish a run of the judge: a summary, an MLflow run, metrics for Prometheus."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from pipelines.judge.figures import Report
from pipelines.judge.run import RunFolder
from pipelines.judge.trust import Trust
from pipelines.sinks import textfile, tracking
from signalbox.contracts import metrics as names
from signalbox.contracts.metric import HIGH, LOW
from signalbox.settings import Settings


def publish(settings: Settings, folder: RunFolder, report: Report, *, log_run: bool) -> None:
    """The summary, an MLflow run, and last, because its time of success states that all went well, the textfile.

    Call it under the lock.
    """
    folder.save_summary(report.as_dict())
    if log_run:
        options = report.plan.options
        with tracking.run(settings, options.task, "judge", f"judge {options.route}") as run:
            _log(run, report)
    write_metrics(settings.state_dir / "metrics", report)
    folder.mark_published()


def write_metrics(folder: Path, report: Report) -> Path:
    """Write `judge-TASK-ROUTE.prom`. No other file has its series, since the route is a label of each."""
    options = report.plan.options
    values: textfile.Values = []
    for row in report.figures:
        where = (options.task, row.language, options.route, options.judge, row.criterion)
        low, high = row.agreement_interval or (None, None)
        values += [
            (names.JUDGE_SCORE, where, row.score),
            (names.JUDGE_VERDICT_MASS, where, row.verdict_mass),
            (names.JUDGE_ANSWERS, (*where, "judged"), float(row.judged)),
            (names.JUDGE_ANSWERS, (*where, "no_verdict"), float(row.no_verdict)),
            (names.JUDGE_LABELS, where, float(row.labels)),
            (names.JUDGE_AGREEMENT, where, row.agreement),
            (names.JUDGE_AGREEMENT_BOUND, (*where, LOW), low),
            (names.JUDGE_AGREEMENT_BOUND, (*where, HIGH), high),
            (names.JUDGE_AGREEMENT_BASELINE, where, row.baseline),
        ]
        if row.gate is not None:
            values += [
                (names.JUDGE_TRUST, (*where, state.value), float(row.gate.trust is state)) for state in Trust
            ]
            values.append((names.JUDGE_LABELS_NEEDED, where, row.gate.labels_needed))
        if row.estimate is not None:
            of = (*where, row.estimate.method)
            values.append((names.JUDGE_ESTIMATE, of, row.estimate.value))
            values.append((names.JUDGE_ESTIMATE_BOUND, (*of, LOW), row.estimate.low))
            values.append((names.JUDGE_ESTIMATE_BOUND, (*of, HIGH), row.estimate.high))
    for language, labels in report.labels.items():
        of_language = (options.task, language, options.route)
        values += [
            (names.LABELS_RESPONSE, (*of_language, "asked"), labels.response),
            (names.LABELS_RESPONSE, (*of_language, "voluntary"), labels.voluntary_response),
            (names.LABELS_VOLUNTARY_RIGHT, of_language, labels.voluntary_right),
        ]
    job = f"judge-{options.task}-{options.route}"
    values.append(textfile.succeeded(job))
    return textfile.write_values(folder / f"{job}.prom", values)


def _log(run: tracking.Run, report: Report) -> None:
    options = report.plan.options.model_dump(mode="json")
    run.log_params({**options, "run": report.run, "since": report.plan.since, "until": report.plan.until})
    run.log_metrics({"rows": report.rows, "failed": report.failed, "own_answers": report.own_answers})
    for row in report.figures:
        figures = {k: v for k, v in asdict(row).items() if isinstance(v, int | float)}
        if row.estimate is not None:
            figures["estimate"] = row.estimate.value
        if row.gate is not None:
            figures["trusted"] = float(row.gate.trust is Trust.TRUSTED)
            run.set_tag(f"trust.{row.language}.{row.criterion}", row.gate.trust.value)
            if row.gate.labels_needed is not None:
                figures["labels_needed"] = row.gate.labels_needed
        run.log_metrics({f"{row.language}.{row.criterion}.{name}": v for name, v in figures.items()})
    for language, labels in report.labels.items():
        shares = {
            "response": labels.response,
            "voluntary_response": labels.voluntary_response,
            "voluntary_right": labels.voluntary_right,
        }
        run.log_metrics({f"{language}.labels.{k}": v for k, v in shares.items() if v is not None})
    run.log_dict(report.as_dict(), "judge.json")
