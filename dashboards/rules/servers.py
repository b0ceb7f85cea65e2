"""Recording rules that make all engines look the same: series by namespace and service."""

from __future__ import annotations

from dashboards import promql
from dashboards.metrics import Measure, Name, measures
from dashboards.rules.rule import Group, Recording

BY = "namespace, service"
UP = "signalbox:model_servers_up"
WAITING = "signalbox:requests_waiting"
QUANTILES = (0.5, 0.95, 0.99)


def group() -> Group:
    """The rules of one evaluation."""
    table = measures()
    return Group(
        "signalbox-model-servers",
        (
            Recording(
                UP,
                'sum by (namespace, service, engine) (up{engine=~".+"})',
                "Replicas that answer a scrape, by namespace, service and engine.",
            ),
            _waiting(table["requests_waiting"]),
            Recording(
                "signalbox:requests_running",
                f"sum by ({BY}) ({_any(table['requests_running'])})",
                table["requests_running"].help,
            ),
            Recording(
                "signalbox:kv_cache_usage:max",
                f"max by ({BY}) ({_any(table['kv_cache_usage'])})",
                table["kv_cache_usage"].help,
            ),
            *(
                _rate(table[name])
                for name in ("preemptions", "prompt_tokens", "generation_tokens", "requests")
            ),
            _cache_hits(table["cache_hit_tokens"], table["cache_queried_tokens"]),
            *_histogram(table["time_to_first_token_seconds"]),
            *_histogram(table["inter_token_seconds"]),
            _inter_token_mean(table["inter_token_seconds"], table["generation_seconds"]),
            *_histogram(table["request_seconds"]),
        ),
    )


def _waiting(measure: Measure) -> Recording:
    """The queue, which autoscaling reads: 0 for a service without replicas, and no second series of one that has a rule.

    A release of charts/model-server can record the same series itself, with the label `source`.
    """
    present = f"sum by ({BY}) ({_any(measure)})"
    zero = f"0 * sum by ({BY}) (last_over_time({UP}[{promql.MEMORY}]))"
    expr = f'({present} or {zero}) unless on ({BY}) {WAITING}{{source!=""}}'
    return Recording(WAITING, expr, "Requests that wait in the queues of all replicas, 0 without replicas.")


def _any(measure: Measure) -> str:
    """A gauge under its name in any engine and version."""
    return " or ".join(entry.selector() for entry in measure.names)


def _rates(measure: Measure, suffix: str = "") -> str:
    return " or ".join(_rate_of(entry, suffix) for entry in measure.names)


def _rate_of(entry: Name, suffix: str = "") -> str:
    first = f"rate({entry.selector(suffix)}[{promql.WINDOW}])"
    return f"({first} + rate({entry.plus}[{promql.WINDOW}]))" if entry.plus else first


def _rate(measure: Measure) -> Recording:
    name = f"signalbox:{measure.name}:rate{promql.WINDOW}"
    return Recording(name, f"sum by ({BY}) ({_rates(measure)})", measure.help)


def _cache_hits(hits: Measure, queries: Measure) -> Recording:
    part, whole = (f"sum by ({BY}) ({_rates(measure)})" for measure in (hits, queries))
    help_text = "Share of the prompt tokens that came from the prefix cache."
    return Recording("signalbox:cache_hits:ratio_rate5m", promql.share(part, whole), help_text)


def _histogram(measure: Measure) -> list[Recording]:
    """Quantiles; none of an engine without this histogram."""
    return [
        Recording(
            f"signalbox:{measure.name}:quantile{promql.WINDOW}",
            promql.quantile(level, BY, _rates(measure, promql.BUCKET)),
            f"{measure.help.rstrip('.')}, by quantile.",
            {"quantile": f"{level:g}"},
        )
        for level in QUANTILES
    ]


def _inter_token_mean(measure: Measure, seconds: Measure) -> Recording:
    """The mean, which llama.cpp has as well: seconds of generation by tokens."""
    part = f"sum by ({BY}) ({_rates(measure, promql.SUM)} or {_rates(seconds)})"
    tokens = next(entry for entry in measures()["generation_tokens"].names if entry.engine == "llamacpp")
    whole = f"sum by ({BY}) ({_rates(measure, promql.COUNT)} or {_rate_of(tokens)})"
    return Recording(
        "signalbox:inter_token_seconds:mean5m", promql.share(part, whole), "Mean time between two tokens."
    )
