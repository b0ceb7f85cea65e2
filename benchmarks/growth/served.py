"""Paths through running servers: the assessor with the real encoder, the pass-through with a stub, and Prometheus.

CPU time is that of the servers, from their own metrics; wrk shares the machine's cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks import rules
from benchmarks.assessor import cpu_seconds, running
from benchmarks.growth.cost import Cost, Growth, over_sizes
from benchmarks.kserve import TEXT, wrk
from signalbox.settings import Settings
from signalbox.tasks import load_task
from tests.helpers import folder_on_disk, running_encoder

_SECONDS = 3
_CLIENTS_OF_TEXTS = 2


@contextmanager
def _assessor(*, encoder: bool) -> Iterator[Settings]:
    """Settings of a running assessor, with the real encoder or with none."""
    settings = Settings()
    with folder_on_disk() as folder:
        settings = settings.model_copy(update={"state_dir": folder / "run", "encoder_enabled": encoder})
        if not encoder:
            with running(settings, 0.0) as served:
                yield served
            return
        with (
            running_encoder(settings, folder) as url,
            running(settings.model_copy(update={"encoder_url": url}), 0.0) as served,
        ):
            yield served


def texts(sizes: Sequence[int], rounds: int) -> list[Growth]:
    """A request with so many texts on the route `encoder`, two clients."""
    with _assessor(encoder=True) as settings:

        def measure(size: int) -> Cost:
            body: dict[str, object] = {"texts": [TEXT] * size, "language": "en", "model": "encoder"}
            return _request(settings, "/v1/assess", body, _CLIENTS_OF_TEXTS, (settings.encoder_base_url,))

        return over_sizes(sizes, measure, rounds)


def clients(sizes: Sequence[int], rounds: int) -> list[Growth]:
    """A pass-through request with so many clients, in front of a stub that answers at once."""
    with _assessor(encoder=False) as settings:
        messages = load_task(settings.task).messages(TEXT, "en")
        body: dict[str, object] = {"model": "stub", "messages": messages, "max_tokens": 40}

        def measure(size: int) -> Cost:
            return _request(settings, "/v1/chat/completions", body, size)

        return over_sizes(sizes, measure, rounds)


def _request(
    settings: Settings, path: str, body: dict[str, object], count: int, others: tuple[str, ...] = ()
) -> Cost:
    """Median latency, and CPU time of a request in the assessor and in the other servers."""
    sources = (settings.assessor_base_url, *others)
    before = sum(map(cpu_seconds, sources))
    result = wrk(settings.assessor_base_url + path, body, count, _SECONDS, late_seconds=60)
    spent = sum(map(cpu_seconds, sources)) - before
    return Cost(result["p50_ms"] / 1000, spent / (result["requests_per_second"] * _SECONDS))


def model_servers(sizes: Sequence[int], rounds: int) -> list[Growth]:
    """One evaluation of all recording rules and alerts over so many model servers; CPU time of Prometheus a second.

    A round would restart Prometheus; benchmarks/rules.py takes the median of its evaluations instead.
    """
    return [Growth(size, _evaluation(size)) for size in sizes]


def _evaluation(size: int) -> Cost:
    row = rules.measure(size, warm_seconds=30, samples=3)
    return Cost(float(str(row["evaluation, median ms"])) / 1000, float(str(row["CPU s a second"])))
