"""Samples of metrics, from Prometheus or from a page of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from signalbox.assessor_client import direct_client
from signalbox.contracts.metric import Metric
from signalbox.errors import SetupError
from signalbox.settings import Settings

_TIMEOUT_SECONDS = 5.0
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Reading:
    """Samples by the name of their metric. Counters have their increase over `period`, a text for people."""

    source: str
    period: str
    samples: Mapping[str, Sequence[tuple[Labels, float]]] = field(default_factory=dict)

    def of(self, metric: Metric | str, **labels: str) -> list[tuple[Labels, float]]:
        """The samples of a metric with these labels."""
        name = metric if isinstance(metric, str) else metric.name
        return [(own, value) for own, value in self.samples.get(name, ()) if labels.items() <= own.items()]

    def total(self, metric: Metric | str, **labels: str) -> float | None:
        """The sum of the samples with these labels; None if there are none."""
        values = [value for _, value in self.of(metric, **labels)]
        return sum(values) if values else None

    def largest(self, metric: Metric | str, **labels: str) -> float | None:
        """The largest of the samples with these labels; None if there are none."""
        return max((value for _, value in self.of(metric, **labels)), default=None)


def read_prometheus(url: str, metrics: Iterable[Metric], recorded: Iterable[str], window: str) -> Reading:
    """A query for each metric. Raises SetupError if Prometheus does not answer."""
    queries = {metric.name: _query(metric, window) for metric in metrics} | {name: name for name in recorded}
    samples = {}
    try:
        with direct_client(url, _TIMEOUT_SECONDS) as client:
            for name, query in queries.items():
                answer = client.get(f"{url}/api/v1/query", params={"query": query}).raise_for_status()
                rows = answer.json()["data"]["result"]
                samples[name] = [(row["metric"], float(row["value"][1])) for row in rows]
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"Prometheus at {url} does not answer ({type(error).__name__}).",
            hint="Check SIGNALBOX_PROMETHEUS_URL, or start the local one with `signalbox serve`.",
        ) from error
    return Reading(f"Prometheus at {url}", f"last {window}", samples)


def read_pages(settings: Settings, metrics: Iterable[Metric]) -> Reading:
    """The assessor's page and the files of local jobs. Raises SetupError if the assessor does not answer."""
    url = f"{settings.assessor_base_url}/metrics"
    try:
        with direct_client(url, _TIMEOUT_SECONDS) as client:
            pages = [client.get(url).raise_for_status().text]
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise SetupError(
            f"Neither Prometheus at {settings.prometheus_base_url} nor the assessor at {settings.assessor_base_url} answers.",
            hint="Start them with `signalbox serve`, or set SIGNALBOX_PROMETHEUS_URL or SIGNALBOX_ASSESSOR_URL.",
        ) from error
    pages += [_text(path) for path in sorted((settings.state_dir / "metrics").glob("*.prom"))]
    names = {_exposed(metric): metric.name for metric in metrics}
    samples: dict[str, list[tuple[Labels, float]]] = {}
    for page in pages:
        for name, labels, value in _samples(page):
            if name in names:
                samples.setdefault(names[name], []).append((labels, value))
    return Reading(f"the assessor at {settings.assessor_base_url}", "since its start", samples)


def _query(metric: Metric, window: str) -> str:
    name = _exposed(metric)
    if metric.kind != "counter":
        return name
    # A counter that appeared within the window has no value before it, so `increase` alone would miss its first answers.
    increase = f"increase({name}[{window}])"
    return f"((({name} unless {name} offset {window}) > {increase}) or {increase})"


def _exposed(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.kind == "counter" else metric.name


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _samples(page: str) -> list[tuple[str, Labels, float]]:
    """The samples of a page; none of one that is torn."""
    try:
        families = list(text_string_to_metric_families(page))
    except ValueError:
        return []
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]
