"""Memory under text-generation-inference 3: the cache that its warm-up leaves, in blocks shared by all requests.

TGI loads the weights, runs one prefill of max_batch_prefill_tokens, and allocates 90 % of the memory that is then
free for the cache. CUDA graphs are captured afterwards, out of the rest. The rules are from TGI's source; no boot of
it was measured, so the terms that its warm-up measures are vLLM's.
"""

from __future__ import annotations

from dataclasses import dataclass

from signalbox.capacity.budget import Budget, Term, TermName
from signalbox.capacity.memory import kv_cache
from signalbox.capacity.memory.constants import Constants
from signalbox.capacity.memory.weights import rank_weights, stages
from signalbox.capacity.spec import Correction, KvGroup, Spec
from signalbox.capacity.units import GIB

_SOURCE = "huggingface/text-generation-inference db931fc, warm-up in flash_causal_lm.py; not measured"
_WIGGLE = 0.90  # The server's own; the launcher's 0.95 only bounds the request's length.
_CHUNKED_TOKENS = 8192  # flags.py passes the same, so prediction and start agree
_GRAPH_SIZES = 6  # 1, 2, 4, 8, 16, 32
_NO_GRAPHS = ("int8", "bnb-nf4", "bnb-nf4-dq")
_FLASHINFER_HEADS = (64, 128, 256)
_HALF = 2
# TGI 3 is as old as vLLM 0.6 to 0.16, whose libraries' memory it is planned with. Graphs of that age were not
# measured: those of the next regime stand in.
_LIBRARIES_REGIME, _GRAPHS_REGIME = "vllm-0.16", "vllm-0.20"


def prefill_tokens(spec: Spec) -> int:
    """max_batch_prefill_tokens: as specified, else the context, cut into chunks where the attention allows it."""
    if spec.batched_tokens is not None:
        return spec.batched_tokens
    return min(spec.context, _CHUNKED_TOKENS) if _has_flash_attention(spec) else spec.context


def block_tokens(spec: Spec) -> int:
    """Tokens of a cache block: flashinfer 1, flash decoding 256, paged attention 16."""
    if not _has_flash_attention(spec):
        return 16
    return 1 if spec.model.head_dim in _FLASHINFER_HEADS else 256


def _has_flash_attention(spec: Spec) -> bool:
    return spec.gpu.has_bfloat16  # both came with Ampere


def token_bytes(spec: Spec) -> float:
    """Bytes of one token in all layers of a shard. Windows keep every token; latents are stored expanded."""
    size = kv_cache.element_bytes(spec.kv_dtype.replace("fp8_e4m3fn", "fp8_e4m3"), spec.dtype)
    return sum(group.layers * _layer_bytes(spec, group, size) for group in spec.model.kv_groups)


def _layer_bytes(spec: Spec, group: KvGroup, size: float) -> float:
    if group.kind == "mla" and spec.model.expanded:
        return spec.model.expanded / spec.tensor_parallel * size
    return kv_cache.token_bytes(group, spec.tensor_parallel, size)


@dataclass(frozen=True)
class _Cache:
    """The cache of one shard, in whole blocks. `short_bytes`: memory that the warm-up's prefill is short by."""

    bytes: int
    tokens: int
    short_bytes: int


def budget(spec: Spec, constants: Constants) -> Budget:
    """The memory of one shard. `fits`: the prefill runs, and the cache has room for one request of full context."""
    fix = spec.correction or Correction("none")
    share = spec.memory_utilization or spec.engine.memory_utilization
    usable = int(spec.gpu.total_bytes * share)
    weights = rank_weights(spec, stages(spec.model.layers, 1)[0], constants.allocator)
    loaded = weights.total + fix.weights_bytes
    other = _other(spec, constants) + fix.non_torch_bytes
    peak = _peak(spec) + fix.activation_bytes
    cache = _cache(spec, usable - loaded - other - peak)
    graphs = _graphs(spec, constants)
    rest = spec.gpu.total_bytes - loaded - other - peak - cache.bytes
    captures = f"{_GRAPH_SIZES} sizes, captured in the memory that the cache leaves" if graphs else "none"
    terms = (
        _term("weights", loaded, weights.formula),
        _term("non_torch", other, f"{other / GIB:.2f} GiB: CUDA context and NCCL, as measured under vLLM"),
        _term("activation", peak, _peak_formula(spec)),
        _term("graphs", graphs, captures),
        _term("kv_cache", cache.bytes, _cache_formula(spec)),
        _term("reserve", max(0, rest - graphs), "what is left"),
    )
    return Budget(
        total_bytes=spec.gpu.total_bytes,
        usable_bytes=usable,
        terms=terms,
        kv_bytes=-cache.short_bytes or cache.bytes,
        kv_bytes_per_token=token_bytes(spec),
        kv_tokens=cache.tokens,
        max_concurrency=cache.tokens / spec.context,
        fits=not cache.short_bytes and cache.tokens >= spec.context and graphs <= rest,
        reason=_reason(spec, cache),
    )


def _cache(spec: Spec, room: int) -> _Cache:
    """The warm-up's own tokens, and a share of the memory that is free after them."""
    rate, block = token_bytes(spec), block_tokens(spec)
    warm_up = min(prefill_tokens(spec), spec.context) * rate
    free = room - warm_up
    size = int(free * _WIGGLE + warm_up) if free >= 0 else 0
    tokens = int(size / (rate * block)) * block if rate else 0
    return _Cache(size, tokens, short_bytes=max(0, -int(free)))


def _peak(spec: Spec) -> int:
    """One layer of the warm-up's prefill, then the logits of its last tokens."""
    model, tokens = spec.model, prefill_tokens(spec)
    wide = 3 * model.intermediate / spec.tensor_parallel
    if model.moe is not None:
        inner = model.moe.intermediate / spec.tensor_parallel
        wide = model.moe.topk * (2 * inner + max(inner, model.hidden))
    return round(tokens * (wide + 4 * model.hidden) * _HALF)


def _peak_formula(spec: Spec) -> str:
    return f"prefill of {prefill_tokens(spec)} tokens: widest layer and 4 hidden states of {spec.model.hidden}, 2 B each"


def _other(spec: Spec, constants: Constants) -> int:
    """CUDA context and libraries, with NCCL's buffers where there are shards."""
    several = spec.tensor_parallel > 1
    libraries = constants.regimes[_LIBRARIES_REGIME].non_torch_gib[2 if several else 1]
    return constants.context_bytes(shared=several) + round(libraries * GIB)


def _graphs(spec: Spec, constants: Constants) -> int:
    """vLLM's graphs, in proportion to the number of sizes captured."""
    if spec.eager or spec.quantization.name in _NO_GRAPHS:
        return 0
    fit = constants.regimes[_GRAPHS_REGIME].graphs
    return round((fit.base_gib + fit.layer_gib * spec.model.layers) * _GRAPH_SIZES / fit.sizes * GIB)


def _term(name: TermName, size: int, formula: str) -> Term:
    return Term(name, max(0, size), formula, _SOURCE)


def _cache_formula(spec: Spec) -> str:
    return f"{_WIGGLE:.0%} of the memory that the warm-up leaves, blocks of {block_tokens(spec)} tokens"


def _reason(spec: Spec, cache: _Cache) -> str:
    if cache.short_bytes:
        short = cache.short_bytes / GIB
        return f"The warm-up's prefill of {prefill_tokens(spec)} tokens is short by {short:.2f} GiB."
    if cache.tokens < spec.context:
        return f"The cache holds {cache.tokens} tokens, fewer than one request of {spec.context}."
    return f"{cache.bytes / GIB:.2f} GiB are left for the cache."
