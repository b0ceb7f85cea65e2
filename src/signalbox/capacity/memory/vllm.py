"""Memory under vLLM: the allocations of one rank, the KV cache that they leave, and whether the engine starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from signalbox.capacity.budget import Budget, Peak, Term, TermName
from signalbox.capacity.memory import activation, kv_cache, lora, speculative, vision
from signalbox.capacity.memory.constants import Constants, Regime
from signalbox.capacity.memory.weights import Stage, Weights, rank_weights, stages
from signalbox.capacity.spec import Correction, Spec
from signalbox.capacity.units import GIB, parse_version

_LOGS = "vLLM's own budget, checked against boot logs: docs/reference/capacity-cases.md"
# Quantizations of a 16-bit checkpoint while loading, weight by weight since 0.15.
_ONLINE = ("fp8", "fp8-marlin", "fp8-block")
_STREAMED_LOADING = parse_version("0.15")
_STATE_CHECK = parse_version("0.19")  # the first release with vllm-project/vllm#38270
_BUDGET = "vLLM gpu_worker.py: share of the memory that CUDA reports, less weights, activation, other memory"


@dataclass(frozen=True)
class _Rank:
    """One pipeline stage's memory."""

    stage: Stage
    terms: tuple[Term, ...]
    kv_bytes: int
    graphs_bytes: int
    activation_bytes: int  # that graphs may be captured in
    host_bytes: int


def budget(spec: Spec, constants: Constants) -> Budget:
    """The memory budget of one GPU under vLLM; with pipeline stages, of the one that limits the cache."""
    regime = constants.regime(spec)
    share = spec.memory_utilization or spec.engine.memory_utilization
    usable = ceil(spec.gpu.total_bytes * share)
    ranks = [
        _rank(spec, stage, usable, constants, regime)
        for stage in stages(spec.model.layers, spec.pipeline_parallel)
    ]
    tokens = activation.limits(spec).tokens
    if not spec.model.kv_groups:
        return _without_cache(spec, ranks[0], usable, tokens)
    pools = [_pool(spec, rank.stage, regime) for rank in ranks]
    counts = [pool.blocks(rank.kv_bytes) for pool, rank in zip(pools, ranks, strict=True)]
    limiting = min(range(len(ranks)), key=lambda i: (counts[i], ranks[i].kv_bytes))
    rank, pool, blocks = ranks[limiting], pools[limiting], counts[limiting]
    concurrency = kv_cache.capacity(pool, blocks, spec.context, tokens)
    request = pool.request_blocks(spec.context, tokens) * pool.block_bytes
    reason = _obstacle(spec, rank, request, usable, constants, regime) or _state_obstacle(spec, blocks)
    reason = _loading_obstacle(spec, constants) or reason
    cache = Term("kv_cache", max(0, rank.kv_bytes), _kv_formula(pool, blocks, rank), _LOGS)
    return Budget(
        total_bytes=spec.gpu.total_bytes,
        usable_bytes=usable,
        terms=(*rank.terms, cache, _reserve(spec, rank, usable, share, regime)),
        kv_bytes=rank.kv_bytes,
        kv_bytes_per_token=kv_cache.bytes_per_token(spec, rank.stage.share),
        kv_tokens=kv_cache.logged_tokens(
            pool, blocks, spec.context, concurrency, by_concurrency=regime.tokens_by_concurrency
        ),
        max_concurrency=concurrency,
        fits=reason is None,
        reason=reason or f"{rank.kv_bytes / GIB:.2f} GiB are left for the KV cache.",
        host_bytes=sum(one.host_bytes for one in ranks) * spec.tensor_parallel * spec.serving.data_parallel,
    )


def _without_cache(spec: Spec, rank: _Rank, usable: int, tokens: int) -> Budget:
    """An encoder: what remains of the budget stays free. A step holds whole texts, as many as its tokens allow."""
    free, reason = rank.kv_bytes, None
    if free < 0:
        reason = f"Weights and activation exceed the budget by {-free / GIB:.2f} GiB."
    elif tokens < spec.context:
        reason = f"A step of {tokens} tokens is shorter than a text of {spec.context}, which an encoder reads at once."
    unused = Term(
        "reserve", spec.gpu.total_bytes - usable + max(0, free), "no KV cache: it stays free", _BUDGET
    )
    texts = max(1, tokens // spec.context)
    return Budget(
        total_bytes=spec.gpu.total_bytes,
        usable_bytes=usable,
        terms=(*rank.terms, unused),
        kv_bytes=min(0, free),
        kv_bytes_per_token=0.0,
        kv_tokens=0,
        max_concurrency=0.0 if reason else min(texts, activation.limits(spec).sequences),
        fits=reason is None,
        reason=reason or f"{free / GIB:.2f} GiB stay free: an encoder has no KV cache.",
        host_bytes=rank.host_bytes,
    )


def _pool(spec: Spec, stage: Stage, regime: Regime) -> kv_cache.Pool:
    return kv_cache.pool(
        spec, stage.share, chunks_are_full=regime.chunks_are_full, state_blocks=regime.state_blocks
    )


def _rank(spec: Spec, stage: Stage, usable: int, constants: Constants, regime: Regime) -> _Rank:
    fix = spec.correction or Correction("none")
    weights = rank_weights(spec, stage, constants.allocator, mxfp4_inner=regime.mxfp4_inner)
    text = activation.peak(spec, stage, constants, regime)
    images = vision.encoder_peak(spec, activation.limits(spec), constants.matmul_workspace_bytes)
    encoder = images if stage.first else Peak(0, "")
    peak = max(text, encoder, key=lambda one: one.bytes)
    graphs = activation.graphs(spec, stage, regime)
    other = activation.non_torch(spec, stage, constants, regime)
    inside = "inside the budget" if regime.graphs_inside else "outside the budget"
    loaded, words = _loaded(spec, stage, weights, constants)
    terms = (
        _term("weights", loaded, fix.weights_bytes, words, _weights_source(spec)),
        _term("non_torch", other.bytes, fix.non_torch_bytes, other.formula, _LOGS),
        _term("activation", peak.bytes, fix.activation_bytes, peak.formula, _LOGS),
        _term("graphs", graphs.bytes, fix.graphs_bytes, f"{graphs.formula}, {inside}", regime.graphs.source),
    )
    occupied = sum(term.bytes for term in terms if term.name != "graphs" or regime.graphs_inside)
    # An image needs the encoder's memory while the graphs are there; a sampler's peak leaves it to their capture.
    borrowed = 0 if encoder.bytes else terms[2].bytes
    return _Rank(stage, terms, usable - occupied, terms[3].bytes, borrowed, offloaded_bytes(spec, weights))


def _loaded(spec: Spec, stage: Stage, weights: Weights, constants: Constants) -> tuple[int, str]:
    """What "Model loading took" counts: with adapters and a draft, without the layers in the host's memory."""
    parts = {
        lora.formula(spec): lora.slot_bytes(spec, stage),
        speculative.formula(spec): speculative.draft_bytes(spec, stage, constants),
        "in the host's memory": -offloaded_bytes(spec, weights),
    }
    words = "".join(
        f" {'+' if size > 0 else '-'} {name} {abs(size) / GIB:.3f}" for name, size in parts.items() if size
    )
    return weights.total + sum(parts.values()), weights.formula + words


def offloaded_bytes(spec: Spec, weights: Weights) -> int:
    """Weights of the layers that --cpu-offload-gb moves to pinned host memory; embedding and head stay (offloader/uva.py)."""
    return min(round(spec.serving.offload_gib * GIB), weights.linear + weights.experts + weights.other)


def _term(name: TermName, size: int, correction: int, formula: str, source: str) -> Term:
    if correction:
        formula = f"{formula}; corrected by {correction / GIB:+.3f} GiB"
    return Term(name, max(0, size + correction), formula, source)


def _weights_source(spec: Spec) -> str:
    return f"{spec.quantization.name}: {spec.quantization.source}"


def _reserve(spec: Spec, rank: _Rank, usable: int, share: float, regime: Regime) -> Term:
    """The memory outside vLLM's budget."""
    size = spec.gpu.total_bytes - usable - (0 if regime.graphs_inside else rank.graphs_bytes)
    graphs = "" if regime.graphs_inside else ", less the graphs"
    return Term("reserve", max(0, size), f"{spec.gpu.total_gib} GiB x (1 - {share:g}){graphs}", _BUDGET)


def _kv_formula(pool: kv_cache.Pool, blocks: int, rank: _Rank) -> str:
    if rank.kv_bytes < 0:
        return f"short by {-rank.kv_bytes / GIB:.2f} GiB"
    words = f"{blocks} blocks of {pool.block_bytes} B ({pool.group_layers} layers of {pool.page_bytes} B)"
    groups = len(pool.groups)
    return words if groups == 1 else f"{words}, shared by {groups} groups of layers"


def _obstacle(
    spec: Spec, rank: _Rank, request: int, usable: int, constants: Constants, regime: Regime
) -> str | None:
    """What prevents a start; None when nothing does.

    vLLM's own start-up rule comes first, then the memory that graphs and libraries need outside the budget.
    """
    if rank.kv_bytes <= 0:
        return f"Weights and activation exceed the budget by {-rank.kv_bytes / GIB:.2f} GiB."
    if request > rank.kv_bytes:
        return (
            f"One request of {spec.context} tokens needs {request / GIB:.2f} GiB of KV cache, "
            f"{rank.kv_bytes / GIB:.2f} GiB are left."
        )
    outside = spec.gpu.total_bytes - usable
    if outside < constants.least_outside_bytes:
        return (
            f"The CUDA context needs at least {constants.least_outside_bytes / GIB:.1f} GiB, the budget leaves "
            f"{outside / GIB:.2f} GiB free: lower the memory utilization."
        )
    return _warm_up_obstacle(spec, outside, regime) or _graphs_obstacle(
        spec, rank, outside, constants, regime
    )


def _loading_obstacle(spec: Spec, constants: Constants) -> str | None:
    """Before 0.15, vLLM quantized to FP8 after it had loaded all weights in 16 bits."""
    online = spec.model.checkpoint_quantization is None and spec.quantization.name in _ONLINE
    if spec.engine.name != "vllm" or not online or parse_version(spec.engine.version) >= _STREAMED_LOADING:
        return None
    plain = replace(spec.quantization, linear_bits=None, expert_bits=None)
    half = replace(spec, quantization=plain)
    parts = stages(spec.model.layers, spec.pipeline_parallel)
    loaded = max(rank_weights(half, stage, constants.allocator).total for stage in parts)
    free = spec.gpu.total_bytes - constants.context_bytes(shared=False)
    if loaded <= free:
        return None
    return (
        f"vLLM {spec.engine.version} loads all weights in 16 bits before it quantizes them: {loaded / GIB:.2f} GiB of "
        f"{free / GIB:.2f} GiB. Use a checkpoint in {spec.quantization.name}, or vLLM 0.15 or later."
    )


def _state_obstacle(spec: Spec, blocks: int) -> str | None:
    """Layers with a state keep one block a sequence, and vLLM captures no graphs for more sequences than blocks."""
    sequences = activation.limits(spec).sequences
    if sequences <= blocks or not limits_sequences(spec):
        return None
    return (
        f"Each sequence holds one state block: {blocks} blocks are there, and {sequences} sequences are allowed. "
        f"Lower the concurrency to {blocks} at most."
    )


def limits_sequences(spec: Spec) -> bool:
    """Whether vLLM checks its limit of sequences against the blocks (vllm-project/vllm#38270)."""
    hybrid = any(group.kind == "state" for group in spec.model.kv_groups)
    return hybrid and not spec.eager and parse_version(spec.engine.version) >= _STATE_CHECK


def open_limit(spec: Spec, constants: Constants) -> Spec:
    """The spec, with a limit of sequences that starts where the default has none: the power of two below the blocks."""
    if spec.concurrency is not None or not limits_sequences(spec):
        return spec
    memory = budget(spec, constants)
    blocks = min(
        _pool(spec, stage, constants.regime(spec)).blocks(memory.kv_bytes)
        for stage in stages(spec.model.layers, spec.pipeline_parallel)
    )
    if activation.limits(spec).sequences <= blocks or blocks < 1:
        return spec
    return replace(spec, concurrency=1 << (blocks.bit_length() - 1))


def _warm_up_obstacle(spec: Spec, outside: int, regime: Regime) -> str | None:
    if spec.quantization.name != "mxfp4":
        return None
    warm_up = regime.mxfp4_warm_up * activation.limits(spec).sequences * spec.model.vocab * 4
    if outside >= warm_up:
        return None
    return (
        f"The sampler's warm-up of an MXFP4 model needs {warm_up / GIB:.1f} GiB outside the budget, "
        f"{outside / GIB:.2f} GiB are available: lower the memory utilization or the number of sequences."
    )


def _graphs_obstacle(
    spec: Spec, rank: _Rank, outside: int, constants: Constants, regime: Regime
) -> str | None:
    graphs = 0 if regime.graphs_inside else rank.graphs_bytes
    several = spec.gpus > 1
    # NCCL's large buffers were measured on H100s; two RTX 4090 started with 0.46 GiB outside.
    context = constants.context_bytes(shared=several and spec.gpu.is_large)
    if graphs + context <= outside + rank.activation_bytes:
        return None
    return (
        f"CUDA graphs ({graphs / GIB:.2f} GiB) and the CUDA context ({context / GIB:.2f} GiB) do not fit "
        f"outside the budget ({outside / GIB:.2f} GiB): lower the memory utilization."
    )
