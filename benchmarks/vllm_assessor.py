"""vLLM called directly and through the assessor's pass-through, in turns: tokens/s, time to the first token, energy.

Needs an NVIDIA GPU with vLLM, tokenizers and nvidia-ml-py, and no network. From the repository's root:
`python -m benchmarks.vllm_assessor OUT.json [--clients 1 16 64 256]`. The model has the shape of Qwen2.5-Coder-1.5B with
random weights, and answers have a constant number of tokens. Clients are processes of this machine, and each sends its
next request as soon as it has its answer. `--vllm-path` is the PYTHONPATH of vLLM where it has an environment of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.vllm_load import ANSWER_TOKENS, SERVED_NAME, Load, body, figures, run_load
from benchmarks.vllm_models import configuration, write_model
from local import stack
from local.processes import Service, Supervisor
from signalbox.capacity.models import catalogue as catalogues
from signalbox.capacity.spec import Spec
from signalbox.capacity.speed import energy, throughput
from signalbox.settings import Settings

_MODEL = "Qwen/Qwen2.5-1.5B-Instruct"  # the catalogue's name of the shape
_CONTEXT, _SEQUENCES, _BATCHED_TOKENS, _UTILIZATION = 4096, 256, 8192, 0.5
_RAMP_SECONDS, _PROCESSES, _START_SECONDS = 2.0, 8, 8.0


class EnergyCounter:
    """Joules that the first GPU has used, from its own counter."""

    def __init__(self) -> None:
        import pynvml

        pynvml.nvmlInit()
        self._read = pynvml.nvmlDeviceGetTotalEnergyConsumption
        self._handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        self.name: str = pynvml.nvmlDeviceGetName(self._handle)

    def joules(self) -> float:
        return float(self._read(self._handle)) / 1000


def measure(pool: ProcessPoolExecutor, counter: EnergyCounter, url: str, clients: int, seconds: float) -> dict[str, float]:  # fmt: skip
    """One run at a constant number of clients: figures of the window between ramp and end."""
    processes = min(clients, _PROCESSES)
    start = time.monotonic() + 0.3
    window = (start + _RAMP_SECONDS, start + _RAMP_SECONDS + seconds)
    shares = [clients // processes + (index < clients % processes) for index in range(processes)]
    loads = [Load(url, share, index, start, window[1]) for index, share in enumerate(shares)]
    running = [pool.submit(run_load, load) for load in loads]
    time.sleep(max(0.0, window[0] - time.monotonic()))
    joules, began = counter.joules(), time.monotonic()
    time.sleep(max(0.0, window[1] - time.monotonic()))
    joules, took = counter.joules() - joules, time.monotonic() - began
    results = [future.result() for future in running]
    return figures([answer for answers, _ in results for answer in answers], window, joules / took) | {
        "failed": float(sum(failures for _, failures in results))
    }


def compare(rounds: list[dict[str, dict[str, float]]], clients: int) -> dict[str, object]:
    """The medians of both ways, and of the ratio and the difference within each round with their ranges."""

    def middle(way: str, key: str) -> float:
        return statistics.median(one[way][key] for one in rounds)

    ratios = [one["through"]["tokens_per_second"] / one["direct"]["tokens_per_second"] for one in rounds]
    added = [one["through"]["ttft_p50_ms"] - one["direct"]["ttft_p50_ms"] for one in rounds]
    row: dict[str, object] = {"clients": clients}
    for key in ("tokens_per_second", "ttft_p50_ms", "ttft_p99_ms", "answer_seconds", "watts", "wh_per_1000_answers"):  # fmt: skip
        row |= {f"{way}_{key}": round(middle(way, key), 4) for way in ("direct", "through")}
    return row | {
        "tokens_ratio": round(statistics.median(ratios), 4),
        "tokens_ratio_range": [round(min(ratios), 4), round(max(ratios), 4)],
        "added_ttft_ms": round(statistics.median(added), 2),
        "added_ttft_range_ms": [round(min(added), 2), round(max(added), 2)],
        "failed": sum(result["failed"] for one in rounds for result in one.values()),
    }


def predict(gpu: str, clients: int, prompt_tokens: int) -> dict[str, object]:
    """The planner's ranges for the same load: tokens/s, and Wh for 1,000 answers."""
    catalogue = catalogues.load()
    model = catalogue.model(_MODEL).architecture
    spec = Spec(
        model=model,
        gpu=catalogue.gpu(gpu),
        engine=catalogue.engine("vllm"),
        quantization=catalogue.quantization("bf16"),
        dtype="bfloat16",
        context=_CONTEXT,
        concurrency=_SEQUENCES,
        batched_tokens=_BATCHED_TOKENS,
        memory_utilization=_UTILIZATION,
    )
    speed = throughput.estimate(
        spec, requests=clients, input_tokens=prompt_tokens, output_tokens=ANSWER_TOKENS
    )
    row: dict[str, object] = {"planner_tokens_per_second": _ends(speed.output_tokens_per_second)}
    if (wh := energy.wh_per_1k_tokens(spec, speed, energy.load_prices())) is not None:
        row["planner_wh_per_1000_answers"] = _ends(wh, ANSWER_TOKENS)
    return row


def _ends(interval: throughput.Interval, factor: float = 1.0) -> list[float]:
    return [float(f"{end * factor:.4g}") for end in (interval.low, interval.high)]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, vllm_path: str | None) -> Iterator[Settings]:
    """vLLM and the assessor in front of it; yields the assessor's settings."""
    write_model(folder / "model", configuration(_MODEL), with_tokenizer=True)
    port = free_port()
    options = {
        "model": folder / "model",
        "served-model-name": SERVED_NAME,
        "load-format": "dummy",
        "max-model-len": _CONTEXT,
        "max-num-seqs": _SEQUENCES,
        "max-num-batched-tokens": _BATCHED_TOKENS,
        "gpu-memory-utilization": _UTILIZATION,
        "host": "127.0.0.1",
        "port": port,
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    vllm = Service(
        name="vllm",
        command=(sys.executable, "-m", "vllm.entrypoints.openai.api_server", *arguments),
        host="127.0.0.1",
        port=port,
        ready_path="/health",
        port_setting="",
        environment={"HF_HUB_OFFLINE": "1", **({"PYTHONPATH": vllm_path} if vllm_path else {})},
        ready_seconds=300,
        stop_seconds=20,
    )
    settings = Settings().model_copy(
        update={
            "state_dir": folder / "run",
            "encoder_enabled": False,
            "decoder_url": f"{vllm.url}/v1",
            "decoder_model": SERVED_NAME,
            "assessor_port": free_port(),
        }
    )
    with Supervisor(settings.logs_dir) as supervisor:
        for service in (vllm, stack.assessor(settings)):
            supervisor.start(service)
            supervisor.wait_ready(service)
        yield settings


async def _prompt_tokens(url: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body("0") | {"stream": False, "stream_options": None}) as response,
    ):
        response.raise_for_status()
        return int((await response.json())["usage"]["prompt_tokens"])


def run_all(settings: Settings, options: argparse.Namespace) -> dict[str, Any]:
    """Each number of clients: rounds in which both ways take turns, and the first one alternates."""
    path = "/chat/completions"
    urls = {"direct": settings.decoder_base_url + path, "through": f"{settings.assessor_base_url}/v1{path}"}
    counter = EnergyCounter()
    prompt_tokens = asyncio.run(_prompt_tokens(urls["through"]))
    result: dict[str, Any] = {
        "gpu": counter.name,
        "cpus": os.cpu_count(),
        "prompt_tokens": prompt_tokens,
        "answer_tokens": ANSWER_TOKENS,
        "seconds": options.seconds,
        "rounds": options.rounds,
        "rows": [],
    }
    with ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(run_load, [Load("", 0, 0, time.monotonic() + _START_SECONDS, 0.0)] * _PROCESSES))
        for clients in options.clients:
            for url in urls.values():
                measure(pool, counter, url, clients, 1.0)  # warm-up
            rounds = []
            for number in range(options.rounds):
                ways = list(urls.items())[:: -1 if number % 2 else 1]
                rounds.append(
                    {way: measure(pool, counter, url, clients, options.seconds) for way, url in ways}
                )
            row = compare(rounds, clients) | predict(counter.name, clients, prompt_tokens)
            result["rows"].append(row)
            print(json.dumps(row), flush=True)
            options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def main() -> None:
    """Read the arguments, start both servers, measure, write OUT."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64, 256])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=6.0, help="length of a window")
    arguments.add_argument("--vllm-path", help="PYTHONPATH of vLLM")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), options.vllm_path) as settings:
        run_all(settings, options)


if __name__ == "__main__":
    main()
