"""What follows from a spec once it is chosen: speed, energy and cost, and how the engine is started."""

from __future__ import annotations

from typing import Any

from signalbox.capacity.memory.gguf.tables import load_gguf_tables
from signalbox.capacity.memory.gguf.weights import file_bytes, file_type
from signalbox.capacity.memory.weights import checkpoint_bytes
from signalbox.capacity.planner.checkpoints import checkpoint
from signalbox.capacity.planner.engine_args import (
    Start,
    cache_dtype,
    gpu_layers,
    request_limit,
    shared_cache,
    speculative_config,
    start,
    step_tokens,
)
from signalbox.capacity.planner.evaluate import Evaluation
from signalbox.capacity.planner.result import Costs, Speed, Workload
from signalbox.capacity.spec import Spec
from signalbox.capacity.speed.energy import (
    Prices,
    electricity_per_1k_tokens,
    load_prices,
    rent_per_1k_tokens,
    wh_per_1k_tokens,
)
from signalbox.capacity.speed.throughput import Throughput, estimate
from signalbox.capacity.support.backends import attention_backend
from signalbox.capacity.units import GIB

_REQUESTS = 16  # concurrent requests where the request sets no limit
_WITHOUT_PRICES = "energy of the GPUs by their power limit; --prices FILE adds money"


def throughput_of(evaluation: Evaluation, workload: Workload) -> Throughput | None:
    """Expected speed with the concurrency of the spec, as far as the cache fits it.

    None where nothing starts, the GPU's figures are unknown, or no formula has a source: other kinds than plain serving.
    """
    gpu = evaluation.spec.gpu
    if evaluation.spec.serving.names:
        return None
    if not evaluation.fits or not gpu.bandwidth_gbps or not (gpu.fp16_tflops or gpu.bf16_tflops):
        return None
    limit = evaluation.spec.concurrency or _REQUESTS
    return estimate(
        evaluation.spec,
        requests=max(1, min(limit, int(evaluation.budget.max_concurrency))),
        input_tokens=workload.input_tokens,
        output_tokens=workload.output_tokens,
    )


def speed_of(throughput: Throughput | None) -> Speed | None:
    """The part of an estimate that the answer publishes."""
    if throughput is None:
        return None
    return Speed(
        requests=throughput.requests,
        output_tokens_per_second=throughput.output_tokens_per_second,
        request_tokens_per_second=throughput.request_tokens_per_second,
        first_token_seconds=throughput.first_token_seconds,
        basis=throughput.basis,
        source=throughput.source,
    )


def costs_of(evaluation: Evaluation, speed: Throughput | None, prices: Prices | None) -> Costs | None:
    """Energy by the board's power limit; money only with the caller's prices, for the package's are an example."""
    if speed is None:
        return None
    spec = evaluation.spec
    energy = wh_per_1k_tokens(spec, speed, prices or load_prices())
    return Costs(
        wh_per_1k_tokens=energy,
        electricity_per_1k_tokens=electricity_per_1k_tokens(energy, prices) if energy and prices else None,
        rent_per_1k_tokens=rent_per_1k_tokens(spec, speed, prices) if prices else None,
        currency=prices.currency if prices else None,
        gpu_hour_price=prices.gpu_hour.get(spec.gpu.name) if prices else None,
        source=prices.source if prices else _WITHOUT_PRICES,
    )


def start_fields(evaluation: Evaluation, typed: str | None) -> dict[str, Any]:
    """What is served, and the command that starts it, as fields of the answer; no command without a checkpoint."""
    spec = evaluation.spec
    files = checkpoint(typed, spec)
    command = start(spec, files) if files.known else Start((), (), {})
    return {
        "checkpoint": files.name,
        "checkpoint_file": files.file,
        "checkpoint_stored": files.stored,
        "checkpoint_gib": round(_files_bytes(spec, files.stored) / GIB, 2),
        "request_limit": request_limit(spec),
        "shared_cache": shared_cache(spec),
        "cache_dtype": cache_dtype(spec),
        "prefill_tokens": step_tokens(spec),
        "attention_backend": attention_backend(spec),
        "speculative": speculative_config(spec) or "",
        "gpu_layers": gpu_layers(spec),
        "program": command.program,
        "flags": command.arguments,
        "environment": dict(command.environment),
    }


def _files_bytes(spec: Spec, stored: bool) -> int:
    """Size of the files: in the planned quantization if they are stored so, else in 16 bits."""
    if spec.engine.name in ("llamacpp", "ollama"):
        tables = load_gguf_tables()
        file = file_bytes(spec.model, file_type(spec.quantization, tables), tables)
        return file.embedding + file.head + file.layers + file.vision
    if stored:
        return checkpoint_bytes(spec.model, spec.quantization)
    return spec.model.parameters.total * (4 if spec.model.dtype == "float32" else 2)
