"""Recording rules of the assessor: shares of the lights, and the service level from its own histogram.

The assessor is in the path of every engine, so the service level covers engines without a histogram (llama.cpp, Ollama).
"""

from __future__ import annotations

from dashboards import promql, thresholds
from dashboards.rules.rule import Group, Recording
from dashboards.settings import latency_seconds, setting
from signalbox.contracts import metrics
from signalbox.contracts.light import Light, LightReason

BY = "namespace, task, language"
SLO_BY = "namespace, task"
ERRORS, BURN, BUDGET = "signalbox:slo_errors", "signalbox:slo_burn", "signalbox:slo_budget_left:ratio30d"
BURN_LIMIT = "signalbox:slo_burn_limit"
SLOS = ("availability", "latency")
WINDOWS = ("5m", "30m", "1h", "6h")
MONTH = "30d"
LIGHTS = "signalbox:light:ratio_rate1h"
STORE = "signalbox:store_ready:max"
STORE_BY = "namespace, service"
RED = "signalbox:red_unrequested:ratio_rate1h"
# Red lights that say that no model answered.
FAILURES = (LightReason.UNAVAILABLE, LightReason.TIMEOUT, LightReason.REJECTED, LightReason.UNPARSABLE)
_FAILED = f'reason=~"{"|".join(FAILURES)}"'


def groups() -> tuple[Group, ...]:
    """The rules that are evaluated at the default interval, and those of the month, which read many samples."""
    return (
        Group("signalbox-lights", _lights()),
        Group("signalbox-store", (_store(),)),
        Group("signalbox-slo", (*_burn_limits(), *(rule for window in WINDOWS for rule in _slo(window)))),
        Group("signalbox-slo-month", (*_errors(MONTH), *_budget()), interval="10m"),
    )


def objective(slo: str) -> str:
    """The share of errors that the objective allows."""
    return f"scalar(1 - {setting(f'{slo}_objective_ratio')})"


def _store() -> Recording:
    """One series of each assessor, also while its pods are replaced: the alert looks back on it."""
    ready = promql.series(metrics.UPSTREAM_READY, 'upstream="store"')
    return Recording(
        STORE, f"max by ({STORE_BY}) ({ready})", "1 if the record store answers any replica of the assessor."
    )


def _lights() -> tuple[Recording, ...]:
    whole = promql.rate_by(BY, promql.series(metrics.PREDICTIONS), "1h")
    red = f'light="{Light.RED}",reason!="{LightReason.REQUESTED}"'
    shares = [
        Recording(
            LIGHTS,
            promql.share(
                promql.rate_by(BY, promql.series(metrics.PREDICTIONS, f'light="{light}"'), "1h"), whole
            ),
            "Share of the answers of an hour, by light.",
            {"light": light.value},
        )
        for light in Light
    ]
    return (
        *shares,
        Recording(
            RED,
            promql.share(promql.rate_by(BY, promql.series(metrics.PREDICTIONS, red), "1h"), whole),
            "Share of red answers of an hour, without those that are red to get their ground truth.",
        ),
        Recording(
            "signalbox:answers:increase1h",
            promql.increase_by(BY, promql.series(metrics.PREDICTIONS), "1h"),
            "Answers of an hour.",
        ),
        Recording(
            "signalbox:answers:increase1d",
            promql.increase_by(f"{BY}, light", promql.series(metrics.PREDICTIONS), "1d"),
            "Answers of a day, by light.",
        ),
    )


def _slo(window: str) -> tuple[Recording, ...]:
    return (*_errors(window), *(_burn(slo, window) for slo in SLOS))


def _errors(window: str) -> tuple[Recording, ...]:
    """Shares of failed and of slow answers on equal labels."""
    every = promql.rate_by(SLO_BY, promql.series(metrics.PREDICTIONS), window)
    failed = promql.rate_by(SLO_BY, promql.series(metrics.PREDICTIONS, _FAILED), window)
    timed = promql.rate_by(SLO_BY, promql.series(metrics.PREDICTION_SECONDS, suffix=promql.COUNT), window)
    quick = promql.series(metrics.PREDICTION_SECONDS, promql.bound(latency_seconds()), promql.BUCKET)
    slow = f"({timed} - {promql.rate_by(SLO_BY, quick, window)})"
    return (
        _error(
            "availability",
            window,
            promql.share(failed, every),
            "Share of answers without an answer of a model.",
        ),
        _error("latency", window, promql.share(slow, timed), "Share of answers slower than the objective."),
    )


def _error(slo: str, window: str, expr: str, help_text: str) -> Recording:
    return Recording(f"{ERRORS}:ratio_rate{window}", expr, help_text, {"slo": slo})


def _burn(slo: str, window: str) -> Recording:
    expr = f'{ERRORS}:ratio_rate{window}{{slo="{slo}"}} / {objective(slo)}'
    return Recording(
        f"{BURN}:rate{window}", expr, "Errors as a multiple of what the objective allows.", {"slo": slo}
    )


def _burn_limits() -> tuple[Recording, ...]:
    """The limit of each alert of an objective. The burn rate is at most 1 / (1 - objective), which can be below the usual one."""
    return tuple(
        Recording(
            BURN_LIMIT,
            f"clamp({thresholds.BURN_ERRORS} / sum(1 - {setting(f'{slo}_objective_ratio')}), 1, {limit})",
            "Burn rate from which on the alert fires: the usual one, or that of 90 % errors if it is lower.",
            {"slo": slo, "speed": speed},
        )
        for slo in SLOS
        for speed, limit in (("fast", thresholds.BURN_FAST), ("slow", thresholds.BURN_SLOW))
    )


def burning(speed: str, short: str, long: str) -> str:
    """Objectives whose burn rate is beyond the limit in both windows."""
    limit = f'>= on (slo) group_left () {BURN_LIMIT}{{speed="{speed}"}}'
    return f"({BURN}:rate{short} {limit} and {BURN}:rate{long} {limit})"


def _budget() -> tuple[Recording, ...]:
    return tuple(
        Recording(
            BUDGET,
            f'1 - {ERRORS}:ratio_rate{MONTH}{{slo="{slo}"}} / {objective(slo)}',
            "Share of the error budget of 30 days that is left.",
            {"slo": slo},
        )
        for slo in SLOS
    )
