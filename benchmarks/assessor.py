"""Cost of the assessor: its pass-through compared with direct calls to the model server, and its encoder path.

The model server is a stub of constant speed (benchmarks/stub_upstream.py); the encoder is the real one. All of it,
wrk included, shares this machine's cores.
"""

from __future__ import annotations

import re
import statistics
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.kserve import TEXT, wrk
from local import stack
from local.processes import Service, Supervisor
from signalbox.settings import Settings
from signalbox.tasks import load_task
from tests.helpers import folder_on_disk, free_port, running_encoder

CLIENTS = (1, 16)
STUB_SECONDS = (0.0, 0.1)  # 0: as fast as it can, the hardest case; 0.1: a small model's short answer
ROUNDS, SECONDS = 3, 5
GOAL_ADDED_P50_MS = 1.5
READY_SECONDS = 300  # of an assessor on a busy machine
_CPU = re.compile(r"^process_cpu_seconds_total ([\d.e+]+)$", re.MULTILINE)


def run() -> list[dict[str, object]]:
    """Rows of the pass-through, then rows of the encoder path."""
    rows: list[dict[str, object]] = []
    settings = Settings()
    with folder_on_disk() as folder, running_encoder(settings, folder) as encoder_url:
        settings = settings.model_copy(update={"state_dir": folder / "run", "encoder_url": encoder_url})
        for seconds in STUB_SECONDS:
            with running(settings, seconds) as served:
                rows += [_pass_through(served, seconds, clients) for clients in CLIENTS]
        with running(settings, 0.0) as served:
            rows += [_encoder_path(served, clients) for clients in CLIENTS]
    return rows


@contextmanager
def running(settings: Settings, seconds: float, ready: str = "/readyz") -> Iterator[Settings]:
    """A stub and an assessor in front of it, which starts when the stub answers at `ready`; yields the assessor's settings."""
    port = free_port()
    stub = Service(
        name="stub",
        command=(sys.executable, "-m", "uvicorn", "benchmarks.stub_upstream:app", "--port", str(port),
                 "--log-level", "warning", "--no-access-log"),
        host="127.0.0.1",
        port=port,
        ready_path="/v1/models",
        port_setting="",
        environment={"SIGNALBOX_STUB_SECONDS": str(seconds)},
    )  # fmt: skip
    settings = settings.model_copy(
        update={"decoder_url": f"{stub.url}/v1", "decoder_model": "stub", "assessor_port": free_port()}
    )
    with Supervisor(settings.logs_dir) as supervisor:
        for service in (
            stub,
            replace(stack.assessor(settings), ready_path=ready, ready_seconds=READY_SECONDS),
        ):
            supervisor.start(service)
            supervisor.wait_ready(service)
        yield settings


def _pass_through(settings: Settings, seconds: float, clients: int) -> dict[str, object]:
    """Direct calls and the pass-through in turns, so that a busy neighbor hits both; medians of the rounds."""
    messages = load_task(settings.task).messages(TEXT, "en")
    body: dict[str, object] = {"model": "stub", "messages": messages, "max_tokens": 40}
    path = "/chat/completions"
    urls = {"direct": settings.decoder_base_url + path, "through": f"{settings.assessor_base_url}/v1{path}"}
    for url in urls.values():
        wrk(url, body, clients, seconds=1)
    rounds = [{name: wrk(url, body, clients, SECONDS) for name, url in urls.items()} for _ in range(ROUNDS)]
    added = [one["through"]["p50_ms"] - one["direct"]["p50_ms"] for one in rounds]

    def middle(name: str, key: str) -> float:
        return statistics.median(one[name][key] for one in rounds)

    return {
        "what": f"pass-through, stub of {seconds * 1000:g} ms",
        "clients": clients,
        "direct_p50_ms": round(middle("direct", "p50_ms"), 2),
        "through_p50_ms": round(middle("through", "p50_ms"), 2),
        "added_p50_ms": round(statistics.median(added), 2),
        "added_range_ms": f"{min(added):.2f}-{max(added):.2f}",
        "goal_ms": GOAL_ADDED_P50_MS,
        "direct_per_s": round(middle("direct", "requests_per_second")),
        "requests_per_s": round(middle("through", "requests_per_second")),
        "failed": sum(result["failed"] for one in rounds for result in one.values()),
    }


def _encoder_path(settings: Settings, clients: int) -> dict[str, object]:
    """POST /v1/assess: a KServe request, the light, a durable record."""
    url = f"{settings.assessor_base_url}/v1/assess"
    body: dict[str, object] = {"text": TEXT, "language": "en", "model": "encoder"}
    wrk(url, body, clients, seconds=2)
    sources = {"assessor": settings.assessor_base_url, "encoder": settings.encoder_base_url}
    before = {name: cpu_seconds(source) for name, source in sources.items()}
    result = wrk(url, body, clients, seconds=ROUNDS * SECONDS)
    requests = result["requests_per_second"] * ROUNDS * SECONDS
    cost = {name: (cpu_seconds(source) - before[name]) / requests for name, source in sources.items()}
    return {
        "what": "assess, encoder path",
        "clients": clients,
        "through_p50_ms": result["p50_ms"],
        "p99_ms": result["p99_ms"],
        "requests_per_s": round(result["requests_per_second"]),
        "assessor_cpu_ms": round(cost["assessor"] * 1000, 2),
        "encoder_cpu_ms": round(cost["encoder"] * 1000, 2),
        "per_core_of_assessor": round(1 / cost["assessor"]),
        "per_core_of_both": round(1 / sum(cost.values())),
        "failed": result["failed"],
    }


def cpu_seconds(url: str) -> float:
    """CPU time that a server has used, from its own metrics."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        match = _CPU.search(answer.read().decode())
    if match is None:
        raise RuntimeError(f"{url}/metrics names no process_cpu_seconds_total")
    return float(match[1])
