"""Memory and time of a real predictor with each encoder: at rest, with single short texts, and with 64 long texts.

The head has weights of zero: what it says does not matter here, and its cost is that of any head.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil

from local import stack
from local.processes import Supervisor
from pipelines.train.encoders import WITH_VECTORS, release_files
from signalbox.contracts.encoders import networks_of, quantization_of, title_of
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task
from tests.helpers import free_port

SINGLE_REQUESTS = 100
LONG = ["The measure is described at great length, and nothing is left out. " * 100] * 64
_MIB = 1 << 20


def run() -> list[dict[str, object]]:
    """One row per encoder."""
    return [_row(name) for name in WITH_VECTORS]


def _row(name: str) -> dict[str, object]:
    with predictor(name) as (url, release):
        (process,) = (
            child
            for child in psutil.Process().children(recursive=True)
            if "services.encoder" in child.cmdline()
        )
        idle = process.memory_info().rss
        texts = [row.text for row in load_data(load_task(Settings().task), "test")][:SINGLE_REQUESTS]
        seconds = [_predict(url, [text]) for text in texts]
        short = process.memory_info().rss
        long_seconds = _predict(url, LONG)
        return {
            "encoder": name,
            "release_mb": round(sum(file.stat().st_size for file in release.iterdir()) / 1e6),
            "at_rest_mib": round(idle / _MIB),
            "short_texts_mib": round(short / _MIB),
            "64_long_texts_mib": round(process.memory_info().rss / _MIB),
            "ms_per_request_p50": round(1000 * statistics.median(seconds), 1),
            "64_long_texts_s": round(long_seconds, 1),
        }


@contextmanager
def predictor(name: str) -> Iterator[tuple[str, Path]]:
    """URL and release folder of a running predictor with this encoder."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(state_dir=Path(scratch), encoder_port=free_port())
        release = _write_release(name, settings)
        service = stack.encoder(settings)
        if service is None:
            raise RuntimeError("the settings disable the encoder")
        with Supervisor(settings.logs_dir) as supervisor:
            supervisor.start(service)
            supervisor.wait_ready(service)
            yield service.url, release


def _write_release(name: str, settings: Settings) -> Path:
    folder = settings.releases_dir / "bench"
    folder.mkdir(parents=True)
    for file, path in release_files(name, settings.cache_dir).items():
        (folder / file).write_bytes(path.read_bytes())
    dimension = sum(network.dimension for network in networks_of(name))
    head = {"kind": "embedding-logistic", "weights": [0.0] * dimension, "bias": 0.0}
    release = {
        "name": title_of(name),
        "revision": "bench",
        "engine": "onnxruntime",
        "quantization": quantization_of(name),
    }
    description = {"release": release, "encoder": name, "task": load_task(settings.task).name}
    (folder / "head.json").write_text(json.dumps(head), encoding="utf-8")
    (folder / "release.json").write_text(json.dumps(description), encoding="utf-8")
    (settings.releases_dir / "current").write_text("bench\n", encoding="utf-8")
    return folder


def _predict(url: str, texts: list[str]) -> float:
    """Seconds of a request."""
    body = {"instances": [{"text": text, "language": "en"} for text in texts]}
    started = time.perf_counter()
    httpx2.post(f"{url}/v1/models/encoder:predict", json=body, timeout=300).raise_for_status()
    return time.perf_counter() - started
