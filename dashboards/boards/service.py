"""Service: objectives, requests, store and upstreams. For the operator on call."""

from __future__ import annotations

from dashboards import promql, thresholds
from dashboards.boards.common import INTERVAL, NAMESPACE, TASK_NAME, WHERE
from dashboards.panel import Board, Query, Row, chart, stat
from dashboards.rules import assessor
from dashboards.rules.alerts import SERVICE
from signalbox.contracts import metrics, usage_metrics
from signalbox.contracts.metric import Metric

_TASK = f'{WHERE},task=~"$task"'


def attainment() -> str:
    """Share of good answers of an hour, by objective."""
    return f"1 - {assessor.ERRORS}:ratio_rate1h{{{_TASK}}}"


def budget_left() -> str:
    return f"{assessor.BUDGET}{{{_TASK}}}"


def burn(window: str) -> str:
    return f"{assessor.BURN}:rate{window}{{{_TASK}}}"


def requests_by_path() -> str:
    return promql.rate_by("path", promql.series(metrics.HTTP_REQUESTS, WHERE), INTERVAL)


def errors_by_path() -> str:
    """Share of answers of the server that are errors of its own."""
    failed = promql.rate_by("path", promql.series(metrics.HTTP_REQUESTS, f'{WHERE},status=~"5.."'), INTERVAL)
    return promql.share(failed, requests_by_path())


def duration(level: float) -> str:
    buckets = f"rate({promql.series(metrics.PREDICTION_SECONDS, _TASK, promql.BUCKET)}[{INTERVAL}])"
    return promql.quantile(level, "route", buckets)


def requests_by_client() -> str:
    return promql.rate_by("client, outcome", promql.series(metrics.API_REQUESTS, WHERE), INTERVAL)


def tokens() -> str:
    return promql.rate_by("direction", promql.series(metrics.TOKENS, _TASK), INTERVAL)


def upstreams_ready() -> str:
    return f"min by (upstream) ({promql.series(metrics.UPSTREAM_READY, WHERE)})"


def upstream_calls_waiting() -> str:
    return f"sum by (upstream) ({promql.series(metrics.UPSTREAM_WAITING, WHERE)})"


def upstream_failures() -> str:
    return promql.rate_by("upstream, reason", promql.series(metrics.UPSTREAM_FAILURES, WHERE), INTERVAL)


def spooled() -> str:
    return f"sum({promql.series(metrics.SPOOLED_ROWS, WHERE)})"


def store_failures() -> str:
    return f"sum(rate({promql.series(metrics.STORE_FAILURES, WHERE)}[{INTERVAL}]))"


def encoder_mean() -> str:
    """Mean time of a prediction in the encoder, from KServe's own metrics."""
    part, whole = (
        f"sum(rate(request_predict_seconds{suffix}{{{WHERE}}}[{INTERVAL}]))"
        for suffix in (promql.SUM, promql.COUNT)
    )
    return promql.share(part, whole)


def samples() -> str:
    """Samples in one scrape of the assessor."""
    ours = f"and on (job, instance) {promql.series(metrics.SPOOLED_ROWS, WHERE)}"
    return f"max by (job, instance) (scrape_samples_post_metric_relabeling {ours})"


def usage_by_client(metric: Metric) -> str:
    """A second's use of each client of the API keys; unknown keys are one client."""
    return promql.rate_by("client", promql.series(metric, WHERE), INTERVAL)


def board() -> Board:
    """Objectives, requests, store, upstreams."""
    return Board(
        SERVICE,
        "Service",
        "For the operator on call: whether the assessor keeps its objectives, and which part does not.",
        (NAMESPACE, TASK_NAME),
        (_objectives(), _requests(), _usage(), _upstreams(), _store()),
        (
            "SignalboxErrorBudgetBurn",
            "SignalboxStoreUnavailable",
            "SignalboxSpoolGrowing",
            "SignalboxCardinality",
        ),
    )


def _objectives() -> Row:
    return Row(
        "Objectives",
        (
            stat("Attainment", "What share of the answers of an hour was good?", Query(attainment(), "{{task}} {{slo}}"),
                 unit="percentunit"),
            stat("Error budget left", "How much of the budget of 30 days is left?", Query(budget_left(), "{{task}} {{slo}}"),
                 unit="percentunit", threshold=thresholds.BUDGET_LEFT),
            chart("Burn rate, fast", "Is the budget used too fast in the last hour?", Query(burn("1h"), "{{task}} {{slo}} 1 h"),
                  Query(burn("5m"), "{{task}} {{slo}} 5 min"), threshold=thresholds.BURN_FAST, width=6),
            chart("Burn rate, slow", "Is the budget used too fast in the last hours?", Query(burn("6h"), "{{task}} {{slo}} 6 h"),
                  Query(burn("30m"), "{{task}} {{slo}} 30 min"), threshold=thresholds.BURN_SLOW, width=6),
        ),
    )  # fmt: skip


def _requests() -> Row:
    levels = tuple(Query(duration(level), f"{{{{route}}}} p{level * 100:g}") for level in (0.5, 0.95, 0.99))
    return Row(
        "Requests",
        (
            chart("Rate", "How many requests does each path get?", Query(requests_by_path(), "{{path}}"), unit="reqps"),
            chart("Errors", "What share fails with a server error?", Query(errors_by_path(), "{{path}}"), unit="percentunit"),
            chart("Duration of answers", "How long does an answer take, by route?", *levels, unit="s"),
            chart("Clients", "Who sends requests, and whose are rejected or limited?",
                  Query(requests_by_client(), "{{client}} {{outcome}}"), unit="reqps", width=12),
            chart("Tokens", "How many tokens do the models read and write?", Query(tokens(), "{{direction}}"), unit="short", width=12),
        ),
    )  # fmt: skip


def _usage() -> Row:
    return Row(
        "Usage",
        (
            chart("Requests of clients", "Whose requests reach the models?", Query(usage_by_client(usage_metrics.USAGE_REQUESTS), "{{client}}"),
                  unit="reqps", width=6),
            chart("Tokens of clients", "Whose requests cost tokens?", Query(usage_by_client(usage_metrics.USAGE_TOKENS), "{{client}}"),
                  unit="short", width=6),
            chart("Model time of clients", "Whose requests keep the models busy? Seconds of calls in a second.",
                  Query(usage_by_client(usage_metrics.USAGE_SECONDS), "{{client}}"), unit="short", width=6),
            chart("Energy of clients", "Whose requests cost energy? An estimate, watt hours in a second.",
                  Query(usage_by_client(usage_metrics.USAGE_ENERGY), "{{client}}"), unit="short", width=6,
                  empty="SIGNALBOX_WH_PER_1K_TOKENS is not set"),
        ),
    )  # fmt: skip


def _upstreams() -> Row:
    return Row(
        "Upstreams",
        (
            stat("Ready", "Which upstreams answer?", Query(upstreams_ready(), "{{upstream}}"), threshold=thresholds.UPSTREAM_READY),
            chart("Waiting calls", "How many calls wait for a model?", Query(upstream_calls_waiting(), "{{upstream}}"), width=6),
            chart("Failed calls", "Which calls got no usable answer?", Query(upstream_failures(), "{{upstream}} {{reason}}"),
                  unit="cps", width=6, empty="No failure"),
            chart("Encoder", "How long does a prediction of the encoder take on average?", Query(encoder_mean(), "encoder"), unit="s",
                  width=6),
        ),
    )  # fmt: skip


def _store() -> Row:
    return Row(
        "Store",
        (
            stat("Spooled rows", "How many records wait for the database?", Query(spooled(), "rows"), threshold=thresholds.SPOOLED,
                 width=8),
            chart("Failed writes", "Does the database accept records?", Query(store_failures(), "failures"), unit="cps"),
            chart("Samples per scrape", "Does the number of series grow?", Query(samples(), "{{instance}}"),
                  threshold=thresholds.SAMPLES),
        ),
    )  # fmt: skip
