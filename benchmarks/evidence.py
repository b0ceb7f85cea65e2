"""Cost of evidence in POST /v1/assess on the route `encoder`: off and on, and off in another checkout of this repository.

`SIGNALBOX_BASELINE=CHECKOUT` adds rows of that checkout's assessor, for example one from before a change. All run in turns,
so that other work on the machine affects each of them. SIGNALBOX_ENCODER_URL uses an encoder that runs already.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.assessor import cpu_seconds
from benchmarks.kserve import TEXT, wrk
from local import stack
from local.processes import Supervisor
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task
from tests.helpers import free_port, running_encoder

ROUNDS, SECONDS, CLIENTS = 5, 3, 4


def run() -> list[dict[str, object]]:
    """A row for each assessor and body: medians of the rounds, and CPU time over all of them."""
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        url = settings.encoder_url or running.enter_context(running_encoder(settings, Path(folder)))
        settings = settings.model_copy(update={"encoder_url": url, "decoder_enabled": False})
        urls = {"off": running.enter_context(_assessor(settings, Path(folder) / "now", Path.cwd()))}
        urls |= {"on, one sentence": urls["off"], "on, three sentences": urls["off"]}
        if baseline := os.environ.get("SIGNALBOX_BASELINE"):
            urls["baseline"] = running.enter_context(
                _assessor(settings, Path(folder) / "before", Path(baseline))
            )
        return _rows(urls)


@contextlib.contextmanager
def _assessor(settings: Settings, state: Path, checkout: Path) -> Iterator[str]:
    """The assessor of a checkout, with its own state; yields its base URL."""
    settings = settings.model_copy(
        update={"state_dir": state, "assessor_port": free_port(), "task": Path("tasks/medical").resolve()}
    )
    paths = f"{checkout.resolve()}{os.pathsep}{checkout.resolve() / 'src'}"
    service = stack.assessor(settings)
    environment = {**service.environment, "PYTHONPATH": paths}
    # -P: else the working directory would come before the checkout.
    command = (sys.executable, "-P", "-m", "services.assessor")
    service = replace(service, command=command, environment=environment)
    with Supervisor(settings.logs_dir) as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield service.url


def _rows(urls: dict[str, str]) -> list[dict[str, object]]:
    passage = next(
        row.text for row in load_data(load_task(Path("tasks/medical")), "test", "everyday") if row.decisive
    )
    bodies: dict[str, dict[str, object]] = {name: {"text": TEXT} for name in urls}
    bodies["on, one sentence"] = {"text": TEXT, "evidence": True}
    bodies["on, three sentences"] = {"text": f"{passage} {TEXT}", "evidence": True}
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in urls}
    for number in range(ROUNDS + 1):
        for name, url in urls.items():
            before = cpu_seconds(url)
            body = {**bodies[name], "language": "en", "model": "encoder"}
            result = wrk(f"{url}/v1/assess", body, CLIENTS, SECONDS)
            requests = result["requests_per_second"] * SECONDS
            cpu_ms = 1000 * (cpu_seconds(url) - before) / requests
            if number:  # the first round warms up
                rounds[name].append({**result, "cpu_ms": cpu_ms})
    return [{"evidence": name, "clients": CLIENTS, **_medians(results)} for name, results in rounds.items()]


def _medians(results: list[dict[str, float]]) -> dict[str, object]:
    def of(key: str) -> list[float]:
        return [result[key] for result in results]

    return {
        "requests_per_s": round(statistics.median(of("requests_per_second"))),
        "p50_ms": round(statistics.median(of("p50_ms")), 1),
        "assessor_cpu_ms": round(statistics.median(of("cpu_ms")), 2),
        "assessor_cpu_range_ms": f"{min(of('cpu_ms')):.2f}-{max(of('cpu_ms')):.2f}",
        "failed": round(sum(of("failed"))),
    }
