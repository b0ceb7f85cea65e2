"""Memory under SGLang: a static part of weights and cache, and a reserve for activations and CUDA graphs.

SGLang gives the cache what --mem-fraction-static leaves of the memory that is free at its start, less the weights. It
does not check whether the rest is enough. `fits` uses the estimate from which SGLang chooses its own default for the
flag. All rules are from SGLang's source; no boot of it was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from signalbox.capacity.budget import Budget, Term, TermName
from signalbox.capacity.memory import kv_cache
from signalbox.capacity.memory.constants import Constants
from signalbox.capacity.memory.weights import rank_weights, stages
from signalbox.capacity.spec import Correction, Spec
from signalbox.capacity.units import GIB, MIB

_SOURCE = "SGLang 0.5.18, server_args.py and kv_cache_configurator.py; not measured"
# Its libraries are of the age of this regime of vLLM, and so is the CUDA context.
_LIBRARIES_REGIME = "vllm-0.24"
_ACTIVATION_MIB, _ACTIVATION_TOKEN_MIB, _LEAST_TOKENS = 512, 1.5, 2048
_PARALLEL_MIB = 128  # for each GPU of a replica
_DECODE_GRAPH_MIB, _PREFILL_GRAPH_MIB = 2, 8  # for each request, for each size
_LATENT_GRAPHS_MIB = 1536
_MANY_SHARDS = 4
# GiB of the GPU below which the row holds: tokens of a chunk, requests in graphs on fewer than four GPUs, and on more.
_DEFAULTS = ((20, 2048, 8, 8), (35, 2048, 24, 80), (60, 4096, 32, 160), (160, 8192, 256, 512))
_LARGEST = (16384, 512)
# Sizes of the graphs for prefill: up to this size, one at every so many tokens.
_GRAPH_STEPS = ((32, 4), (256, 16), (512, 32), (1024, 64), (4096, 256), (16384, 512))


def chunk_tokens(spec: Spec) -> int:
    """--chunked-prefill-size: as specified, else SGLang's default on this GPU."""
    return spec.batched_tokens or _defaults(spec)[0]


def _defaults(spec: Spec) -> tuple[int, int]:
    for below, tokens, few, many in _DEFAULTS:
        if spec.gpu.nvidia_smi_mib < below * 1024:
            return tokens, few if spec.tensor_parallel < _MANY_SHARDS else many
    return _LARGEST


def budget(spec: Spec, constants: Constants) -> Budget:
    """The memory of one GPU; with pipeline stages, of the one whose weights leave the smallest cache."""
    fix = spec.correction or Correction("none")
    share = spec.memory_utilization or spec.engine.memory_utilization
    other = _other(spec, constants) + fix.non_torch_bytes
    free = spec.gpu.total_bytes - other
    ranks = [
        (rank_weights(spec, stage, constants.allocator), stage.share)
        for stage in stages(spec.model.layers, spec.pipeline_parallel)
    ]
    weights, layers = max(ranks, key=lambda rank: rank[0].total)
    loaded = weights.total + fix.weights_bytes
    rest = _Rest(spec, round(free * (1 - share)), fix)
    cache = free - rest.bytes - loaded
    rate = kv_cache.bytes_per_token(spec, layers)
    tokens = max(0, int(cache / rate)) if rate else 0
    terms = (
        _term("weights", loaded, weights.formula),
        _term("non_torch", other, f"{other / GIB:.2f} GiB: CUDA context and NCCL, as measured under vLLM"),
        _term(
            "activation", rest.activation, f"a chunk of {chunk_tokens(spec)} tokens, SGLang's own estimate"
        ),
        _term("graphs", rest.graphs, "SGLang's own estimate"),
        _term("kv_cache", cache, f"({free / GIB:.2f} GiB free at start) x {share:g} - weights"),
        _term("reserve", rest.bytes - rest.needed, "what is left"),
    )
    reason = _obstacle(spec, cache, tokens) or _share_obstacle(rest, share)
    return Budget(
        total_bytes=spec.gpu.total_bytes,
        usable_bytes=round(free * share) + other,
        terms=terms,
        kv_bytes=cache,
        kv_bytes_per_token=rate,
        kv_tokens=tokens,
        max_concurrency=tokens / spec.context,
        fits=reason is None,
        reason=reason or f"{cache / GIB:.2f} GiB are left for the KV cache.",
    )


@dataclass(frozen=True)
class _Rest:
    """The memory that --mem-fraction-static leaves free, and what SGLang estimates to need of it."""

    spec: Spec
    bytes: int
    fix: Correction

    @property
    def activation(self) -> int:
        spec = self.spec
        gpus = spec.tensor_parallel * spec.pipeline_parallel
        tokens = max(chunk_tokens(spec), _LEAST_TOKENS)
        size = _ACTIVATION_MIB + _ACTIVATION_TOKEN_MIB * tokens + _PARALLEL_MIB * gpus
        return round(size * MIB) + self.fix.activation_bytes

    @property
    def graphs(self) -> int:
        if self.spec.eager:
            return 0
        latent = any(group.kind == "mla" for group in self.spec.model.kv_groups)
        prefill = _LATENT_GRAPHS_MIB if latent else _PREFILL_GRAPH_MIB * _graph_sizes(chunk_tokens(self.spec))
        return (_DECODE_GRAPH_MIB * _defaults(self.spec)[1] + prefill) * MIB + self.fix.graphs_bytes

    @property
    def needed(self) -> int:
        return self.activation + self.graphs


def _graph_sizes(tokens: int) -> int:
    """Number of sizes that graphs for prefill are captured for."""
    count, begin = 0, 0
    for end, step in _GRAPH_STEPS:
        count += max(0, min(end, tokens) - begin) // step
        begin = end
    return count


def _other(spec: Spec, constants: Constants) -> int:
    """CUDA context and libraries, with NCCL's buffers if there are several GPUs."""
    several = spec.tensor_parallel * spec.pipeline_parallel > 1
    libraries = constants.regimes[_LIBRARIES_REGIME].non_torch_gib[2 if several else 1]
    # NCCL's large buffers were measured on H100s.
    return constants.context_bytes(shared=several and spec.gpu.is_large) + round(libraries * GIB)


def _obstacle(spec: Spec, cache: int, tokens: int) -> str | None:
    """What prevents a start; None when nothing does."""
    if cache <= 0:
        return f"The weights exceed the static memory by {-cache / GIB:.2f} GiB."
    if tokens < spec.context:
        return f"The cache holds {tokens} tokens, fewer than one request of {spec.context}."
    return None


def _share_obstacle(rest: _Rest, share: float) -> str | None:
    """A share above the one that SGLang would choose: it starts, and runs out of memory under load."""
    largest = math.floor(1000 * (1 - rest.needed / (rest.spec.gpu.nvidia_smi_mib * MIB))) / 1000
    if share <= largest:
        return None
    return (
        f"Activations and CUDA graphs need {rest.needed / GIB:.2f} GiB by SGLang's own estimate: lower the memory "
        f"utilization from {share:g} to {largest:g}."
    )


def _term(name: TermName, size: int, formula: str) -> Term:
    return Term(name, max(0, size), formula, _SOURCE)
