"""Expressions that several rules and queries share."""

from __future__ import annotations

from dashboards.metrics import HISTOGRAM_SUFFIXES, exposed
from signalbox.contracts.metric import Metric

WINDOW = "5m"
# How long a part that vanished is remembered: longer than a weekend, so that its alert does not resolve in one.
MEMORY = "7d"
BUCKET, SUM, COUNT = HISTOGRAM_SUFFIXES


def series(metric: Metric, matchers: str = "", suffix: str = "") -> str:
    """A selector of a metric of the contracts."""
    return f"{exposed(metric)}{suffix}" + (f"{{{matchers}}}" if matchers else "")


def rate_by(labels: str, selector: str, window: str = WINDOW) -> str:
    """The sum of the rates of counters."""
    return f"sum by ({labels}) (rate({selector}[{window}]))"


def increase_by(labels: str, selector: str, window: str) -> str:
    """The sum of the increases of counters."""
    return f"sum by ({labels}) (increase({selector}[{window}]))"


def gone(labels: str, recorded: str) -> str:
    """Groups that had a recorded series within the memory and have none now. Of a raw series this would read far more samples."""
    return f"(max by ({labels}) (last_over_time({recorded}[{MEMORY}])) unless max by ({labels}) ({recorded}))"


def share(part: str, whole: str) -> str:
    """A ratio of two sums with equal labels: 0 without the part, and no value, instead of NaN, without the whole."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def bound(value: float) -> str:
    """A matcher of a bucket, which some versions of a library write as 2 and others as 2.0."""
    text = f"{value:g}"
    if "." in text:
        return f'le="{text}"'
    return f'le=~"{text}(\\\\.0)?"'


def quantile(share_below: float, labels: str, buckets: str) -> str:
    """A quantile from rates of buckets; the comparison removes the NaN of a histogram without traffic."""
    return f"histogram_quantile({share_below:g}, sum by ({labels}, le) ({buckets})) >= 0"
