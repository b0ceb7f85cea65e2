"""Memory under vLLM: what is allocated, what is left for the KV cache, and whether the engine starts."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from signalbox.capacity.budget import Budget, Term, TermName
from signalbox.capacity.memory import activation, kv_cache
from signalbox.capacity.memory.constants import Measured, load_constants
from signalbox.capacity.memory.weights import Stage, rank_weights, stages
from signalbox.capacity.spec import GIB, Correction, Spec

_LOGS = "vLLM's own budget, checked against boot logs: docs/reference/capacity-cases.md"
_LARGE_GIB = 70  # vLLM's own line between GPUs with small and with large defaults
_BUDGET = "vLLM gpu_worker.py: share of what CUDA shows, less weights, activation, other memory"


@dataclass(frozen=True)
class _Rank:
    """One pipeline stage's memory."""

    stage: Stage
    terms: tuple[Term, ...]
    kv_bytes: int
    graphs_bytes: int
    activation_bytes: int


def budget(spec: Spec) -> Budget:
    """The memory budget of one GPU under vLLM; with pipeline stages, of the one that limits the cache."""
    constants = load_constants()
    regime = constants.regime(spec)
    share = spec.memory_utilization or spec.engine.memory_utilization
    usable = ceil(spec.gpu.total_bytes * share)
    ranks = [
        _rank(spec, stage, usable, constants) for stage in stages(spec.model.layers, spec.pipeline_parallel)
    ]
    given = activation.limits(spec)
    pools = [kv_cache.pool(spec, rank.stage.share, chunks_are_full=regime.chunks_are_full) for rank in ranks]
    counts = [pool.blocks(rank.kv_bytes) for pool, rank in zip(pools, ranks, strict=True)]
    limiting = min(range(len(ranks)), key=lambda i: (counts[i], ranks[i].kv_bytes))
    rank, pool, blocks = ranks[limiting], pools[limiting], counts[limiting]
    concurrency = kv_cache.capacity(pool, blocks, spec.context, given.tokens)
    needed = pool.request_blocks(spec.context, given.tokens)
    reserve = spec.gpu.total_bytes - usable - (0 if regime.graphs_inside else rank.graphs_bytes)
    fits, reason = _verdict(spec, rank, needed * pool.block_bytes, usable, constants)
    beside = "" if regime.graphs_inside else ", less the graphs"
    formula = f"{spec.gpu.total_gib} GiB x (1 - {share:g}){beside}"
    kept = Term("reserve", max(0, reserve), formula, _BUDGET)
    cache = Term("kv_cache", max(0, rank.kv_bytes), _kv_formula(pool, blocks, rank), _LOGS)
    return Budget(
        total_bytes=spec.gpu.total_bytes,
        usable_bytes=usable,
        terms=(*rank.terms, cache, kept),
        kv_bytes=rank.kv_bytes,
        kv_bytes_per_token=kv_cache.bytes_per_token(spec, rank.stage.share),
        kv_tokens=kv_cache.logged_tokens(
            pool, blocks, spec.context, concurrency, by_concurrency=regime.tokens_by_concurrency
        ),
        max_concurrency=concurrency,
        fits=fits,
        reason=reason,
    )


def _rank(spec: Spec, stage: Stage, usable: int, constants: Measured) -> _Rank:
    regime = constants.regime(spec)
    fix = spec.correction or Correction("none")
    weights = rank_weights(spec, stage, mxfp4_inner=regime.mxfp4_inner)
    peak = activation.peak(spec, stage, constants)
    graphs = activation.graphs(spec, stage, constants)
    other = activation.non_torch(spec, constants, stage)
    inside = "inside the budget" if regime.graphs_inside else "outside the budget"
    terms = (
        _term("weights", weights.total, fix.weights_bytes, weights.formula, _weights_source(spec)),
        _term("non_torch", other.bytes, fix.non_torch_bytes, other.formula, _LOGS),
        _term("activation", peak.bytes, fix.activation_bytes, peak.formula, _LOGS),
        _term("graphs", graphs.bytes, fix.graphs_bytes, f"{graphs.formula}, {inside}", regime.graphs.source),
    )
    taken = sum(term.bytes for term in terms if term.name != "graphs" or regime.graphs_inside)
    return _Rank(stage, terms, usable - taken, terms[3].bytes, terms[2].bytes)


def _term(name: TermName, size: int, correction: int, formula: str, source: str) -> Term:
    if correction:
        formula = f"{formula}; corrected by {correction / GIB:+.3f} GiB"
    return Term(name, max(0, size + correction), formula, source)


def _weights_source(spec: Spec) -> str:
    return f"{spec.quantization.name}: {spec.quantization.source}"


def _kv_formula(pool: kv_cache.Pool, blocks: int, rank: _Rank) -> str:
    words = f"{blocks} blocks of {pool.block_bytes} B ({pool.group_layers} layers of {pool.page_bytes} B)"
    if rank.kv_bytes < 0:
        return f"{-rank.kv_bytes / GIB:.2f} GiB are lacking"
    groups = len(pool.groups)
    return words if groups == 1 else f"{words}, shared by {groups} groups of layers"


def _verdict(spec: Spec, rank: _Rank, request: int, usable: int, constants: Measured) -> tuple[bool, str]:
    """vLLM's start-up rule, then whether graphs and library memory find room outside the budget."""
    regime = constants.regime(spec)
    several = spec.tensor_parallel * spec.pipeline_parallel > 1
    # NCCL's large buffers were measured on H100s; two RTX 4090 started with 0.46 GiB outside.
    context = constants.context_bytes[1 if several and spec.gpu.total_gib >= _LARGE_GIB else 0]
    if rank.kv_bytes <= 0:
        return False, f"Weights and activation take {-rank.kv_bytes / GIB:.2f} GiB more than the budget."
    if request > rank.kv_bytes:
        return False, (
            f"One request of {spec.context} tokens needs {request / GIB:.2f} GiB of KV cache, "
            f"{rank.kv_bytes / GIB:.2f} GiB are left."
        )
    outside = spec.gpu.total_bytes - usable
    if outside < constants.least_outside_bytes:
        return False, (
            f"The CUDA context takes {constants.least_outside_bytes / GIB:.1f} GiB or more, the budget leaves "
            f"{outside / GIB:.2f} GiB free: lower the memory utilization."
        )
    graphs = 0 if regime.graphs_inside else rank.graphs_bytes
    if spec.quantization.name == "mxfp4":
        logits = activation.limits(spec).sequences * spec.model.vocab * 4
        warm_up = regime.mxfp4_warm_up * logits
        if outside < warm_up:
            return False, (
                f"The sampler's warm-up of an MXFP4 model needs {warm_up / GIB:.1f} GiB outside the budget, "
                f"{outside / GIB:.2f} GiB are there: lower the memory utilization or the number of sequences."
            )
    if graphs + context > outside + rank.activation_bytes:
        return False, (
            f"CUDA graphs ({graphs / GIB:.2f} GiB) and the CUDA context ({context / GIB:.2f} GiB) do not fit "
            f"beside the budget ({outside / GIB:.2f} GiB): lower the memory utilization."
        )
    return True, f"{rank.kv_bytes / GIB:.2f} GiB are left for the KV cache."
