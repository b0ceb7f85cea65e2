"""Jobs: last success, duration, failures."""

from __future__ import annotations

from dashboards import promql, thresholds
from dashboards.boards.common import WHERE
from dashboards.panel import Board, Query, Row, Variable, chart, stat
from dashboards.rules.alerts import JOBS
from signalbox.contracts import metrics

_SUCCESS = promql.series(metrics.JOB_LAST_SUCCESS)


def days_since_success() -> str:
    success = promql.series(metrics.JOB_LAST_SUCCESS, WHERE)
    return f"(time() - max by (namespace, job) ({success})) / {thresholds.DAY_SECONDS}"


def last_success() -> str:
    return f"max by (namespace, job) ({promql.series(metrics.JOB_LAST_SUCCESS, WHERE)}) * 1000"


def durations() -> str:
    """Duration of the runs that kube-state-metrics still knows."""
    done, start = (
        f"max by (namespace, job_name) (kube_job_status_{name}_time{{{WHERE}}})"
        for name in ("completion", "start")
    )
    return f"({done} - {start}) {_ours()}"


def failures() -> str:
    """Runs without retries left; one of a CronJob stays until the limit of the history removes it."""
    return f'max by (namespace, job_name) (kube_job_failed{{{WHERE},condition="true"}}) {_ours()}'


def rows_evaluated() -> str:
    return f"max by (task, language, route) ({promql.series(metrics.EVAL_ROWS, WHERE)})"


def _ours() -> str:
    """Only namespaces with jobs of Signalbox."""
    return f"and on (namespace) {_SUCCESS}"


def board() -> Board:
    """Success, duration, failures."""
    return Board(
        JOBS,
        "Jobs",
        "For the operator: whether train, calibrate, evaluate, drift and judge ran, and when. Their runs are in MLflow.",
        (Variable("namespace", "Namespace", f"label_values({_SUCCESS}, namespace)"),),
        (_runs(), _cluster()),
        ("SignalboxJobFailed",),
        links=(("MLflow", "${mlflow}"),),
        texts=(("mlflow", "URL of MLflow", "http://127.0.0.1:5000"),),
    )


def _runs() -> Row:
    return Row(
        "Runs",
        (
            stat("Days since the last success", "Which job did not succeed for too long?", Query(days_since_success(), "{{job}}"),
                 unit="d", threshold=thresholds.JOB_AGE_DAYS, width=12, empty="No job"),
            chart("Last success", "When did each job last succeed?", Query(last_success(), "{{job}}"), unit="dateTimeAsIso", kind="table",
                  width=12, empty="No job"),
            stat("Rows evaluated", "How many rows do the figures of the evaluation rest on?",
                 Query(rows_evaluated(), "{{task}} {{language}} {{route}}"), width=24, empty="Not evaluated"),
        ),
    )  # fmt: skip


def _cluster() -> Row:
    return Row(
        "Kubernetes (kube-state-metrics)",
        (
            chart("Duration", "How long do the runs take?", Query(durations(), "{{job_name}}"), unit="s", width=12,
                  empty="No kube-state-metrics"),
            chart("Failed runs", "Which runs failed, retries included?", Query(failures(), "{{job_name}}"), threshold=thresholds.FAILED_RUNS, width=12,
                  empty="No kube-state-metrics"),
        ),
    )  # fmt: skip
