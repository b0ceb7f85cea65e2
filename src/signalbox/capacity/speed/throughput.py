"""Expected speed, as a range: decoding is bound by memory bandwidth, prompts by arithmetic.

A decode step reads the weights of a rank once (of a mixture of experts those that the batch hits) and the cache of
every request. The additional time of a step is measured, and so is the distance of measurements from the formula: the
range. It holds for a running engine, with requests of equal length, without shared prefixes.
The first token's range goes from a request alone to all requests arriving at once. It omits queueing behind other
requests, scheduling, the tokenizer and the network, which is why measured times under load are longer.
"""

from __future__ import annotations

from dataclasses import dataclass

from signalbox.capacity.memory import kv_cache
from signalbox.capacity.memory.gguf.tables import GgufTables, load_gguf_tables
from signalbox.capacity.memory.gguf.weights import file_bytes, file_type
from signalbox.capacity.memory.llamacpp_slots import bytes_per_token
from signalbox.capacity.memory.weights import linear_per_rank
from signalbox.capacity.spec import Parameters, Spec
from signalbox.capacity.speed.constants import (
    DecodeConstants,
    LinkConstants,
    SpeedConstants,
    load_speed_constants,
)
from signalbox.errors import InputError

_GIGA, _TERA = 1e9, 1e12
_BASIS = (
    "range of {spread:g} around max(bytes / bandwidth, arithmetic) + time per layer and request; "
    "first token without queueing, scheduling and network"
)


@dataclass(frozen=True)
class Interval:
    """The slowest to the fastest that is expected, or the shortest to the longest time."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Throughput:
    """Speed of a whole configuration with `requests` concurrent requests. `decode_*` leaves the prompts' time out."""

    requests: int
    output_tokens_per_second: Interval
    request_tokens_per_second: Interval
    decode_tokens_per_second: Interval
    first_token_seconds: Interval
    basis: str
    source: str


def estimate(spec: Spec, *, requests: int, input_tokens: int, output_tokens: int) -> Throughput:
    """Speed with concurrent requests of one length. Numbers below 1 are an InputError."""
    numbers = {"requests": requests, "input_tokens": input_tokens, "output_tokens": output_tokens}
    for field, value in numbers.items():
        if value < 1:
            raise InputError(field, value, "Give a number of at least 1.")
    model = SpeedModel(spec)
    spread = model.decode.spread
    step = model.step_seconds(requests, input_tokens + output_tokens // 2)
    slow_end = step * (spread * model.constants.slowdowns.get(spec.quantization.name, 1.0))
    steps = Interval(step / spread, slow_end)
    alone = model.prefill_seconds(input_tokens, 1)
    together = model.prefill_seconds(input_tokens, requests)
    whole = Interval(output_tokens * steps.low + together.low, output_tokens * steps.high + together.high)
    return Throughput(
        requests=requests,
        output_tokens_per_second=_rate(requests * output_tokens, whole),
        request_tokens_per_second=_rate(output_tokens, whole),
        decode_tokens_per_second=_rate(requests, steps),
        first_token_seconds=Interval(alone.low, together.high),
        basis=_BASIS.format(spread=spread),
        source=model.decode.source,
    )


def _rate(count: float, seconds: Interval) -> Interval:
    return Interval(count / seconds.high, count / seconds.low)


class SpeedModel:
    """Times of one configuration, all of one rank. Tests and fits replace the constants."""

    def __init__(
        self,
        spec: Spec,
        decode: DecodeConstants | None = None,
        constants: SpeedConstants | None = None,
        gguf: GgufTables | None = None,
    ) -> None:
        self.spec = spec
        self.constants = constants or load_speed_constants()
        self.decode = decode or self.constants.decode_of(spec)
        self._gguf = gguf or load_gguf_tables()

    def step_seconds(self, requests: int, tokens: int) -> float:
        """The middle of the range of one decode step, with `tokens` of cache per request."""
        spec, decode = self.spec, self.decode
        size = self.weight_bytes(requests) + requests * self.cache_read_bytes(tokens)
        reading = size / (spec.gpu.bandwidth_gbps * _GIGA * decode.efficiency)
        arithmetic = 2 * spec.model.active_parameters * requests / spec.tensor_parallel
        multiplying = arithmetic / (_tflops(spec) * _TERA * self.constants.decode_utilization)
        linking = _link_seconds(spec, requests, self.constants.link)
        fixed = spec.model.layers * (decode.layer_seconds + linking) + requests * decode.request_seconds
        return max(reading, multiplying) + fixed + (spec.pipeline_parallel - 1) * decode.layer_seconds

    def prefill_seconds(self, tokens: int, prompts: int = 1) -> Interval:
        """Time to read `prompts` prompts of `tokens` tokens each, one after the other or together."""
        spec, model, prefill = self.spec, self.spec.model, self.constants.prefill
        body = model.active_parameters - model.parameters.embedding
        work = 2 * prompts * tokens * (body + model.layers * model.heads * model.head_dim * tokens)
        ideal = work / spec.tensor_parallel / (_tflops(spec) * _TERA)
        floor = self.weight_bytes(prompts * tokens) / (spec.gpu.bandwidth_gbps * _GIGA)
        linking = _link_seconds(spec, prompts * tokens, self.constants.link)
        fixed = model.layers * (self.decode.layer_seconds + linking)
        slow = max(ideal / prefill.low_utilization, floor / self.decode.efficiency)
        return Interval(
            max(ideal / prefill.high_utilization, floor) + prefill.low_host_seconds,
            slow + 2 * fixed + prefill.high_host_seconds,
        )

    def weight_bytes(self, requests: int) -> float:
        """Bytes of weights that one step reads on one rank (of all stages after each other)."""
        spec = self.spec
        if spec.quantization.compute == "gguf" or spec.engine.name in ("llamacpp", "ollama"):
            return self._gguf_weight_bytes(requests)
        counts: Parameters = spec.model.parameters
        scheme, tp = spec.quantization, spec.tensor_parallel
        base = 4.0 if spec.dtype == "float32" else 2.0
        linear = linear_per_rank(spec.model, tp) * _width(scheme.linear_bits, base)
        experts = counts.experts * _width(scheme.expert_bits, base) * _experts_hit(spec, requests) / tp
        head = (counts.head or counts.embedding) * _width(scheme.head_bits, base) / tp
        return linear + experts + head + counts.other * base

    def _gguf_weight_bytes(self, requests: int) -> float:
        spec, counts = self.spec, self.spec.model.parameters
        file = file_bytes(spec.model, file_type(spec.quantization, self._gguf), self._gguf)
        experts = counts.experts / max(1, counts.experts + counts.linear)
        idle = experts * (1 - _experts_hit(spec, requests))
        return file.head + file.layers * (1 - idle)

    def cache_read_bytes(self, tokens: int) -> float:
        """Bytes of cache that one step reads for one request on one rank."""
        spec = self.spec
        if spec.engine.name in ("llamacpp", "ollama"):
            return bytes_per_token(spec, self._gguf) * tokens
        size = kv_cache.element_bytes(spec.kv_dtype, spec.dtype)
        return sum(
            group.layers
            * kv_cache.token_bytes(group, spec.tensor_parallel, size)
            * min(tokens, group.window or tokens)
            for group in spec.model.kv_groups
        )


def _width(bits: float | None, base: float) -> float:
    return base if bits is None else bits / 8


def _experts_hit(spec: Spec, requests: int) -> float:
    """Share of the routed experts that a batch uses, if every token picks its own at random."""
    moe = spec.model.moe
    return 1.0 if moe is None else 1 - (1 - moe.topk / moe.experts) ** requests


def _tflops(spec: Spec) -> float:
    """Nominal TFLOPS of the format that the kernels multiply in; 16 bit on a GPU without that format."""
    gpu = spec.gpu
    half = gpu.bf16_tflops if spec.dtype == "bfloat16" else gpu.fp16_tflops
    half = half or gpu.fp16_tflops or gpu.bf16_tflops or 1.0
    if spec.quantization.compute == "fp8" and gpu.fp8_tflops:
        return gpu.fp8_tflops
    if spec.quantization.compute == "fp4" and gpu.fp4_tflops:
        return gpu.fp4_tflops
    return half / 2 if spec.dtype == "float32" else half


def _link_seconds(spec: Spec, tokens: int, link: LinkConstants) -> float:
    """Two all-reduces of the hidden states, for one layer."""
    ranks = spec.tensor_parallel
    if ranks == 1 or spec.engine.name in ("llamacpp", "ollama"):
        return 0.0
    fast = spec.gpu.nvlink_gbps > 0
    latency = link.nvlink_latency_seconds if fast else link.pcie_latency_seconds
    rate = spec.gpu.nvlink_gbps / 2 * _GIGA if fast else link.pcie_bytes_per_second
    payload = 2 * (ranks - 1) / ranks * tokens * spec.model.hidden * 2
    return 2 * (latency + payload / rate)
