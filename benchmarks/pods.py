"""Resources of a pod: memory and CPU of the encoder and the assessor, at rest and under load.

The encoder is the real predictor on one thread, queried through the assessor, as in the cluster. The largest request
is at the assessor's limit: 64 texts, each longer than the model reads. Memory is the process's highest
resident size (VmHWM) so far, so a row's peak covers the rows above it; CPU is of one core.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.assessor import cpu_seconds
from benchmarks.kserve import TEXT, wrk
from local import stack as services
from local.processes import Supervisor
from signalbox.settings import Settings
from tests.helpers import folder_on_disk, free_port

MIB = 1024
SECONDS = 15
LONG = (TEXT + " ") * 60  # 3,060 characters; the model reads 256 tokens
# Name, texts in a request, text, connections.
LOADS = (
    ("one text", 1, TEXT, 1),
    ("one text", 1, TEXT, 16),
    ("one long text", 1, LONG, 16),
    ("64 texts", 64, TEXT, 4),
    ("64 long texts", 64, LONG, 1),
    ("64 long texts", 64, LONG, 4),
)


def run() -> list[dict[str, object]]:
    """One row for the processes at rest, then one per load."""
    from pipelines.train.job import train

    with folder_on_disk() as folder, ExitStack() as stack:
        ports = {f"{name}_port": free_port() for name in ("encoder", "assessor", "decoder")}
        settings = Settings(
            state_dir=folder / "run",
            decoder_model="none",
            encoder_timeout_seconds=120,
            max_body_bytes=2**20,
            **ports,
        )
        train(settings, track=False)
        settings = settings.model_copy(update={"decoder_url": f"http://127.0.0.1:{settings.decoder_port}/v1"})
        supervisor = stack.enter_context(Supervisor(settings.logs_dir))
        encoder = services.encoder(settings)
        assert encoder is not None
        # Without a decoder the assessor is never ready, but it answers.
        assessor = replace(services.assessor(settings), ready_path="/healthz")
        pids = {}
        for service in (encoder, assessor):
            supervisor.start(service)
            supervisor.wait_ready(service)
            pids[service.name] = supervisor.pid(service)
        rows = [{"load": "at rest", "clients": 0, **_row(settings, pids, 0.0, None)}]
        for what, texts, text, clients in LOADS:
            rows.append({"load": what, "clients": clients, **_load(settings, pids, texts, text, clients)})
        return rows


def _load(settings: Settings, pids: dict[str, int], texts: int, text: str, clients: int) -> dict[str, object]:
    body: dict[str, object] = {"texts": [text] * texts, "language": "en", "model": "encoder"}
    before = _cpu(settings)
    started = time.perf_counter()
    result = wrk(f"{settings.assessor_base_url}/v1/assess", body, clients, SECONDS, late_seconds=60)
    seconds = time.perf_counter() - started
    return _row(settings, pids, seconds, before) | {
        "requests_per_s": round(result["requests_per_second"], 1),
        "p50_ms": result["p50_ms"],
        "failed": result["failed"],
    }


def _row(
    settings: Settings, pids: dict[str, int], seconds: float, before: dict[str, float] | None
) -> dict[str, object]:
    row: dict[str, object] = {}
    after = _cpu(settings)
    for name, pid in pids.items():
        row[f"{name}_peak_mib"] = round(_peak_kib(pid) / MIB)
        row[f"{name}_cpu"] = round((after[name] - before[name]) / seconds, 2) if before else 0.0
    return row


def _cpu(settings: Settings) -> dict[str, float]:
    sources = {"encoder": settings.encoder_base_url, "assessor": settings.assessor_base_url}
    return {name: cpu_seconds(url) for name, url in sources.items()}


def _peak_kib(pid: int) -> int:
    match = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert match is not None
    return int(match[1])
