"""Model servers: one board for all engines, through the recording rules."""

from __future__ import annotations

from dashboards import promql, thresholds
from dashboards.boards.common import INTERVAL, NAMESPACE, SERVICE, WHERE
from dashboards.panel import Board, Query, Row, Variable, chart, stat
from dashboards.rules import servers
from dashboards.rules.alerts import SERVERS
from signalbox.contracts import metrics

_NAMES = (
    Variable("namespace", NAMESPACE.label, f"label_values({servers.UP}, namespace)"),
    Variable("service", "Service", f"label_values({servers.UP}{{{WHERE}}}, service)"),
)
_LEGEND = "{{namespace}}/{{service}}"


def recorded(name: str, matchers: str = "") -> str:
    """A recorded series of the chosen services."""
    return f"{name}{{{','.join(filter(None, (SERVICE, matchers)))}}}"


def quantiles(measure: str) -> tuple[Query, ...]:
    """The quantiles of a histogram; none for an engine without it."""
    name = f"signalbox:{measure}:quantile{promql.WINDOW}"
    return tuple(
        Query(recorded(name, f'quantile="{level:g}"'), f"{_LEGEND} p{level * 100:g}")
        for level in servers.QUANTILES
    )


def assessor_duration() -> str:
    """What the assessor waits for an answer: the only latency of Ollama and llama.cpp."""
    buckets = f"rate({promql.series(metrics.PREDICTION_SECONDS, WHERE, promql.BUCKET)}[{INTERVAL}])"
    return promql.quantile(0.95, "namespace, route", buckets)


def assessor_waiting() -> str:
    return f"sum by (namespace, upstream) ({promql.series(metrics.UPSTREAM_WAITING, WHERE)})"


def assessor_failures() -> str:
    return promql.rate_by(
        "namespace, upstream, reason", promql.series(metrics.UPSTREAM_FAILURES, WHERE), INTERVAL
    )


def board() -> Board:
    """State, latency, throughput, cache, and the view of the assessor."""
    return Board(
        SERVERS,
        "Model servers",
        "For the operator: load and latency of vLLM, SGLang, TGI, llama.cpp and NIM in the same panels. Ollama has no metrics of its own; "
        "its figures are those of the assessor in the last row.",
        _NAMES,
        (_load(), _latency(), _throughput(), _cache(), _assessor()),
        (
            "SignalboxNoModelServer",
            "SignalboxQueueLong",
            "SignalboxFirstTokenSlow",
            "SignalboxKVCacheFull",
            "SignalboxPreemptions",
        ),
    )


def _load() -> Row:
    return Row(
        "Load",
        (
            stat("Replicas", "How many replicas answer a scrape?", Query(recorded(servers.UP), f"{_LEGEND} {{{{engine}}}}"),
                 threshold=thresholds.SERVERS, width=8, empty="No server"),
            chart("Waiting requests", "Do requests wait in the queues?", Query(recorded(servers.WAITING), _LEGEND),
                  threshold=thresholds.WAITING),
            chart("Running requests", "How many requests are processed at once?", Query(recorded("signalbox:requests_running"), _LEGEND)),
        ),
    )  # fmt: skip


def _latency() -> Row:
    return Row(
        "Latency",
        (
            chart("Time to the first token", "How long does a user wait for the first word?", *quantiles("time_to_first_token_seconds"),
                  unit="s", threshold=thresholds.FIRST_TOKEN_SECONDS, width=6),
            chart("Time between tokens", "How fast does the text appear?", *quantiles("inter_token_seconds"), unit="s", width=6),
            chart("Mean time between tokens", "How fast does the text appear, also without a histogram?",
                  Query(recorded("signalbox:inter_token_seconds:mean5m"), _LEGEND), unit="s", width=6),
            chart("Time of a request", "How long is a request in the engine?", *quantiles("request_seconds"), unit="s", width=6),
        ),
    )  # fmt: skip


def _throughput() -> Row:
    return Row(
        "Throughput",
        (
            chart("Generated tokens", "How many tokens per second are generated?",
                  Query(recorded("signalbox:generation_tokens:rate5m"), _LEGEND)),
            chart("Prompt tokens", "How many tokens per second are read?", Query(recorded("signalbox:prompt_tokens:rate5m"), _LEGEND)),
            chart("Finished requests", "How many requests per second are finished?", Query(recorded("signalbox:requests:rate5m"), _LEGEND),
                  unit="reqps"),
        ),
    )  # fmt: skip


def _cache() -> Row:
    return Row(
        "Cache",
        (
            chart("KV cache in use", "Is the cache large enough?", Query(recorded("signalbox:kv_cache_usage:max"), _LEGEND),
                  unit="percentunit", threshold=thresholds.KV_CACHE, maximum=1, empty="Not exported"),
            chart("Preemptions", "Are requests computed twice?", Query(recorded("signalbox:preemptions:rate5m"), _LEGEND), unit="cps",
                  threshold=thresholds.PREEMPTIONS, empty="Not exported"),
            chart("Prefix cache hits", "What share of the prompts is cached?", Query(recorded("signalbox:cache_hits:ratio_rate5m"), _LEGEND),
                  unit="percentunit", maximum=1),
        ),
    )  # fmt: skip


def _assessor() -> Row:
    return Row(
        "As the assessor sees them, also without metrics of the engine",
        (
            chart("Duration at the 95th percentile", "How long does an answer take, by route?",
                  Query(assessor_duration(), "{{namespace}} {{route}}"), unit="s"),
            chart("Waiting calls", "How many calls wait for a model?", Query(assessor_waiting(), "{{namespace}} {{upstream}}")),
            chart("Failed calls", "Which calls got no usable answer?",
                  Query(assessor_failures(), "{{namespace}} {{upstream}} {{reason}}"), unit="cps", empty="No failure"),
        ),
    )  # fmt: skip
