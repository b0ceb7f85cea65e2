"""Memory under text-generation-inference 3: what its warm-up leaves, in blocks, shared by all requests.

TGI loads the weights, runs one prefill of max_batch_prefill_tokens, and takes 90 % of what is then free for the cache.
CUDA graphs are captured afterwards, out of the rest. Its rules are read from its source; no boot of it was measured
here, so the terms that a warm-up measures are taken from vLLM's.
"""

from __future__ import annotations

from signalbox.capacity.budget import Budget, Term, TermName
from signalbox.capacity.memory import kv_cache
from signalbox.capacity.memory.weights import rank_weights, stages
from signalbox.capacity.spec import GIB, Correction, KvGroup, Spec

_SOURCE = "huggingface/text-generation-inference db931fc, warm-up in flash_causal_lm.py; not measured here"
_WIGGLE = 0.90  # The server's own; the launcher's 0.95 only bounds the request's length.
_CHUNKED_TOKENS = 8192  # flags.py passes the same, so prediction and start agree
_GRAPH_SIZES = 6  # 1, 2, 4, 8, 16, 32
_NO_GRAPHS = ("int8", "bnb-nf4", "bnb-nf4-dq")
_FLASH_CAPABILITY = 8.0
_FLASHINFER_HEADS = (64, 128, 256)
_HALF = 2
# CUDA context 0.51 GiB, 1.51 with NCCL, and 0.13 or 0.55 of libraries: vLLM up to 0.16 on an H100 (reference).
_OTHER_GIB = (0.64, 2.06)


def prefill_tokens(spec: Spec) -> int:
    """max_batch_prefill_tokens: as given, else the context, cut into chunks where the attention allows it."""
    if spec.batched_tokens is not None:
        return spec.batched_tokens
    chunked = spec.gpu.compute_capability >= _FLASH_CAPABILITY
    return min(spec.context, _CHUNKED_TOKENS) if chunked else spec.context


def block_tokens(spec: Spec) -> int:
    """Tokens of a cache block: flashinfer 1, flash decoding 256, paged attention 16."""
    if spec.gpu.compute_capability < _FLASH_CAPABILITY:
        return 16
    return 1 if spec.model.head_dim in _FLASHINFER_HEADS else 256


def token_bytes(spec: Spec) -> float:
    """Bytes of one token in all layers of a shard. Windows keep every token; latents are stored expanded."""
    size = kv_cache.element_bytes(spec.kv_dtype.replace("fp8_e4m3fn", "fp8_e4m3"), spec.dtype)
    return sum(group.layers * _layer_bytes(spec, group, size) for group in spec.model.kv_groups)


def _layer_bytes(spec: Spec, group: KvGroup, size: float) -> float:
    if group.kind == "mla" and spec.model.expanded:
        return spec.model.expanded / spec.tensor_parallel * size
    return kv_cache.token_bytes(group, spec.tensor_parallel, size)


def budget(spec: Spec) -> Budget:
    """The memory of one shard. `fits`: the prefill runs, and one request of the full context is held."""
    fix = spec.correction or Correction("none")
    share = spec.memory_utilization or spec.engine.memory_utilization
    usable = int(spec.gpu.total_bytes * share)
    stage = stages(spec.model.layers, 1)[0]
    weights = rank_weights(spec, stage)
    loaded = weights.total + fix.weights_bytes
    other = _other(spec) + fix.non_torch_bytes
    peak = _peak(spec) + fix.activation_bytes
    rate = token_bytes(spec)
    warm = min(prefill_tokens(spec), spec.context) * rate
    free = usable - loaded - other - peak - warm
    cache = int(max(0, free) * _WIGGLE + (warm if free >= 0 else 0))
    block = block_tokens(spec)
    tokens = int(cache / (rate * block)) * block if rate else 0
    graphs = _graphs(spec)
    fits = (
        free >= 0
        and tokens >= spec.context
        and graphs <= spec.gpu.total_bytes - loaded - other - peak - cache
    )
    left = cache if free >= 0 else int(free)
    return Budget(
        total_bytes=spec.gpu.total_bytes,
        usable_bytes=usable,
        terms=(
            _term("weights", loaded, weights.formula),
            _term(
                "non_torch", other, f"{other / GIB:.2f} GiB: CUDA context and NCCL, as measured under vLLM"
            ),
            _term("activation", peak, _peak_formula(spec)),
            _term(
                "graphs",
                graphs,
                f"{_GRAPH_SIZES} sizes, captured in what the cache leaves" if graphs else "none",
            ),
            _term("kv_cache", cache, f"{_WIGGLE:.0%} of what the warm-up leaves, blocks of {block} tokens"),
            _term(
                "reserve",
                max(0, spec.gpu.total_bytes - loaded - other - peak - cache - graphs),
                "what is left",
            ),
        ),
        kv_bytes=left,
        kv_bytes_per_token=rate,
        kv_tokens=tokens,
        max_concurrency=tokens / spec.context,
        fits=fits,
        reason=_reason(spec, left, tokens),
    )


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


def _other(spec: Spec) -> int:
    """CUDA context and libraries, with NCCL's buffers where there are shards."""
    return round((_OTHER_GIB[1] if spec.tensor_parallel > 1 else _OTHER_GIB[0]) * GIB)


def _graphs(spec: Spec) -> int:
    """vLLM's graphs on an H100 take 0.28 GiB and 0.0195 a layer at 51 sizes (reference); in proportion for six."""
    if spec.eager or spec.quantization.name in _NO_GRAPHS:
        return 0
    return round((0.28 + 0.0195 * spec.model.layers) * _GRAPH_SIZES / 51 * GIB)


def _term(name: TermName, size: int, formula: str) -> Term:
    return Term(name, max(0, size), formula, _SOURCE)


def _reason(spec: Spec, left: int, tokens: int) -> str:
    if left < 0:
        return f"The warm-up's prefill of {prefill_tokens(spec)} tokens lacks {-left / GIB:.2f} GiB."
    if tokens < spec.context:
        return f"The cache holds {tokens} tokens, fewer than one request of {spec.context}."
    return f"{left / GIB:.2f} GiB are left for the cache."
