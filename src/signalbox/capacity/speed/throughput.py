"""Expected speed, as a range: decoding is bound by memory bandwidth, the prompt by arithmetic.

A decode step reads the weights of a rank once (of a mixture of experts those that the batch hits) and the cache of
every request. What a step takes beyond that is measured, and so is how far measurements lie from the formula: the
range. It is for an engine that is already running, with requests of equal length, without shared prefixes.
The first token's range goes from a request alone to all requests arriving at once; it omits queueing behind other
requests, scheduling, the tokenizer and the network, which is why measured ones under load are longer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from signalbox.capacity.datafile import read
from signalbox.capacity.memory import gguf_weights, kv_cache, llamacpp
from signalbox.capacity.memory.weights import linear_per_rank
from signalbox.capacity.spec import Parameters, Spec
from signalbox.errors import InputError

_GIGA, _TERA, _MICRO, _MILLI = 1e9, 1e12, 1e-6, 1e-3
_BASIS = (
    "range of {spread:g} around max(bytes / bandwidth, arithmetic) + time a layer and request; "
    "first token without queueing, scheduling and network"
)


@dataclass(frozen=True)
class Interval:
    """From the slowest to the fastest that is expected, or from the shortest to the longest time."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a measured value lies inside."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Throughput:
    """Speed of the whole set-up with `requests` at once. `decode_*` leaves the prompts' time out."""

    requests: int
    output_tokens_per_second: Interval
    request_tokens_per_second: Interval
    decode_tokens_per_second: Interval
    first_token_seconds: Interval
    basis: str
    source: str


@dataclass(frozen=True)
class Constants:
    """What was measured for this engine and version."""

    efficiency: float
    layer_seconds: float
    request_seconds: float
    spread: float
    source: str


def estimate(spec: Spec, *, requests: int, input_tokens: int, output_tokens: int) -> Throughput:
    """Speed with so many requests of that length at once. Numbers below 1 are an InputError."""
    for field, value in (
        ("requests", requests),
        ("input_tokens", input_tokens),
        ("output_tokens", output_tokens),
    ):
        if value < 1:
            raise InputError(field, value, "Give a number of at least 1.")
    constants = constants_of(spec)
    step = step_seconds(
        spec, requests=requests, tokens=input_tokens + output_tokens // 2, constants=constants
    )
    slower = constants.spread * float(_tables()["slower"].get(spec.quantization.name, {}).get("factor", 1.0))
    steps = Interval(step / constants.spread, step * slower)
    alone = prefill_seconds(spec, input_tokens, 1, constants)
    together = prefill_seconds(spec, input_tokens, requests, constants)
    whole = Interval(output_tokens * steps.low + together.low, output_tokens * steps.high + together.high)
    return Throughput(
        requests=requests,
        output_tokens_per_second=_rate(requests * output_tokens, whole),
        request_tokens_per_second=_rate(output_tokens, whole),
        decode_tokens_per_second=_rate(requests, steps),
        first_token_seconds=Interval(alone.low, together.high),
        basis=_BASIS.format(spread=constants.spread),
        source=constants.source,
    )


def _rate(count: float, seconds: Interval) -> Interval:
    return Interval(count / seconds.high, count / seconds.low)


def step_seconds(spec: Spec, *, requests: int, tokens: int, constants: Constants | None = None) -> float:
    """The middle of the range of one decode step, each request holding `tokens` of cache."""
    known = constants or constants_of(spec)
    gpu, stages = spec.gpu, spec.pipeline_parallel
    read_bytes = weight_bytes(spec, requests) + requests * cache_read_bytes(spec, tokens)
    reading = read_bytes / (gpu.bandwidth_gbps * _GIGA * known.efficiency)
    arithmetic = 2 * spec.model.active_parameters * requests / spec.tensor_parallel
    multiplying = arithmetic / (_tflops(spec) * _TERA * float(_tables()["decode_utilization"]))
    linking = _link_seconds(spec, requests)
    fixed = spec.model.layers * (known.layer_seconds + linking) + requests * known.request_seconds
    return max(reading, multiplying) + fixed + (stages - 1) * known.layer_seconds


def prefill_seconds(
    spec: Spec, tokens: int, prompts: int = 1, constants: Constants | None = None
) -> Interval:
    """Time to read so many prompts of `tokens` tokens each, one after the other or together."""
    known = constants or constants_of(spec)
    model, tables = spec.model, _tables()["prefill"]
    share, host = tables["utilization"], tables["host_ms"]
    body = model.active_parameters - model.parameters.embedding
    work = 2 * prompts * tokens * (body + model.layers * model.heads * model.head_dim * tokens)
    ideal = work / spec.tensor_parallel / (_tflops(spec) * _TERA)
    floor = weight_bytes(spec, prompts * tokens) / (spec.gpu.bandwidth_gbps * _GIGA)
    fixed = model.layers * (known.layer_seconds + _link_seconds(spec, prompts * tokens))
    return Interval(
        max(ideal / share["high"], floor) + float(host["low"]) * _MILLI,
        max(ideal / share["low"], floor / known.efficiency) + 2 * fixed + float(host["high"]) * _MILLI,
    )


def weight_bytes(spec: Spec, requests: int) -> float:
    """Bytes of weights that one step reads on one rank (of all stages after each other)."""
    if spec.quantization.compute == "gguf" or spec.engine.name in ("llamacpp", "ollama"):
        return _gguf_weight_bytes(spec, requests)
    counts: Parameters = spec.model.parameters
    scheme, tp = spec.quantization, spec.tensor_parallel
    base = 4.0 if spec.dtype == "float32" else 2.0
    linear = linear_per_rank(spec.model, tp) * _width(scheme.linear_bits, base)
    experts = counts.experts * _width(scheme.expert_bits, base) * _experts_hit(spec, requests) / tp
    head = (counts.head or counts.embedding) * _width(scheme.head_bits, base) / tp
    return linear + experts + head + counts.other * base


def _gguf_weight_bytes(spec: Spec, requests: int) -> float:
    found = gguf_weights.file_bytes(spec.model, gguf_weights.file_type(spec.quantization))
    experts = spec.model.parameters.experts / max(
        1, spec.model.parameters.experts + spec.model.parameters.linear
    )
    idle = experts * (1 - _experts_hit(spec, requests))
    return found.head + found.layers * (1 - idle)


def _width(bits: float | None, base: float) -> float:
    return base if bits is None else bits / 8


def _experts_hit(spec: Spec, requests: int) -> float:
    """Share of the routed experts that a batch uses, when every token draws its own at random."""
    moe = spec.model.moe
    return 1.0 if moe is None else 1 - (1 - moe.topk / moe.experts) ** requests


def cache_read_bytes(spec: Spec, tokens: int) -> float:
    """Bytes of cache that one step reads for one request on one rank."""
    if spec.engine.name in ("llamacpp", "ollama"):
        return llamacpp.bytes_per_token(spec) * tokens
    size = kv_cache.element_bytes(spec.kv_dtype, spec.dtype)
    return sum(
        group.layers
        * kv_cache.token_bytes(group, spec.tensor_parallel, size)
        * min(tokens, group.window or tokens)
        for group in spec.model.kv_groups
    )


def _tflops(spec: Spec) -> float:
    """Nominal TFLOPS of what the kernels multiply in; a GPU without the format multiplies in 16 bit."""
    gpu = spec.gpu
    half = gpu.bf16_tflops if spec.dtype == "bfloat16" else gpu.fp16_tflops
    half = half or gpu.fp16_tflops or gpu.bf16_tflops or 1.0
    if spec.quantization.compute == "fp8" and gpu.fp8_tflops:
        return gpu.fp8_tflops
    if spec.quantization.compute == "fp4" and gpu.fp4_tflops:
        return gpu.fp4_tflops
    return half / 2 if spec.dtype == "float32" else half


def _link_seconds(spec: Spec, tokens: int) -> float:
    """Two all-reduces of the hidden states, for one layer."""
    ranks = spec.tensor_parallel
    if ranks == 1 or spec.engine.name in ("llamacpp", "ollama"):
        return 0.0
    link = _tables()["link"]
    fast = spec.gpu.nvlink_gbps > 0
    latency = link["nvlink_latency_us"] if fast else link["pcie_latency_us"]
    rate = (spec.gpu.nvlink_gbps / 2 if fast else link["pcie_gbps"]) * _GIGA
    moved = 2 * (ranks - 1) / ranks * tokens * spec.model.hidden * 2
    return 2 * (float(latency) * _MICRO + moved / rate)


def constants_of(spec: Spec) -> Constants:
    """What was measured for the engine and version of a set-up."""
    name = regime(spec)
    row: Mapping[str, Any] = _tables()["decode"][name]
    fitted = "assumed, not measured here" if row.get("assumed") else f"fitted on {', '.join(row['rows'])}"
    return Constants(
        float(row["efficiency"]),
        row["layer_us"] * _MICRO,
        row["request_us"] * _MICRO,
        float(row["spread"]),
        f"data/throughput.yaml, {name}: {fitted}",
    )


def regime(spec: Spec) -> str:
    """The row of data/throughput.yaml that a set-up belongs to."""
    engine = spec.engine
    if engine.name in ("llamacpp", "ollama"):
        return "llamacpp"
    if spec.eager:
        return "eager"
    if engine.name == "tgi":
        return "tgi"
    until = _numbers(str(_tables()["decode"]["vllm-old"]["until"]))
    return "vllm-old" if engine.name == "vllm" and _numbers(engine.version) < until else "vllm"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


@cache
def _tables() -> Mapping[str, Any]:
    """data/throughput.yaml, read once."""
    found: Mapping[str, Any] = read("throughput.yaml")
    return found
