"""Changes after which a spec fits that is short of memory or unsupported: the smallest first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from signalbox.capacity.gpu_names import quantity
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import best, by_quality, ranks, with_quantization
from signalbox.capacity.planner.evaluate import Evaluate, Evaluation, largest_context
from signalbox.capacity.planner.result import Alternative
from signalbox.capacity.spec import Gpu, Quantization, Spec

_SHARES_UP, _SHARES_DOWN = (0.95, 0.97), (0.9, 0.88, 0.85, 0.8)
_ROOMY = 0.85
_REQUESTS = (256, 128, 64, 32, 16, 8, 4, 2, 1)
_RANKS = (1, 2, 4, 8)
_SMALLEST_CONTEXT = 512
_OTHER_ENGINE = "llamacpp"  # runs where the others do not: old GPUs, fewer bits
Changes = Iterator[tuple[str, Spec]]


@dataclass(frozen=True)
class _Scope:
    """The spec, and what it can be changed to."""

    spec: Spec
    quantizations: Sequence[Quantization]  # others than the spec's
    gpus: Sequence[Gpu]  # whole ones, others than the spec's, smallest first
    catalogue: Catalogue


def alternatives(
    evaluation: Evaluation,
    evaluate: Evaluate,
    catalogue: Catalogue,
    obtainable: Collection[str] | None = None,
) -> tuple[Alternative, ...]:
    """The first change of each kind that fits, in the order of the kinds below."""
    scope = _scope(evaluation.spec, catalogue, obtainable)
    options: list[Alternative] = []
    for kind, enough in _KINDS:
        if len(options) < enough and (option := _first(kind(scope), evaluate, obtainable)) is not None:
            options.append(option)
    return tuple(options)


def _scope(spec: Spec, catalogue: Catalogue, obtainable: Collection[str] | None) -> _Scope:
    quantizations = by_quality(spec.model, catalogue.quantizations, spec.engine.name, obtainable)
    gpus = (
        row
        for row in catalogue.gpus
        if row.slice_of is None and row.name != spec.gpu.name and row.vendor == spec.gpu.vendor
        # Of NVIDIA's cards those of the tables; other vendors have no tables.
        if row.tabled or row.vendor != "nvidia"
    )
    return _Scope(
        spec=spec,
        quantizations=[row for row in quantizations if row.name != spec.quantization.name],
        gpus=sorted(gpus, key=lambda row: (row.total_gib, row.name)),
        catalogue=catalogue,
    )


def _first(changes: Changes, evaluate: Evaluate, obtainable: Collection[str] | None) -> Alternative | None:
    candidates = list(changes)
    if not candidates:
        return None
    result = best((spec for _, spec in candidates), evaluate, obtainable)
    if not result.fits:
        return None
    spec = result.spec
    return Alternative(
        change=next(change for change, candidate in candidates if _same(candidate, spec)),
        engine=spec.engine.name,
        gpu=spec.gpu.name,
        gpus=result.gpus,
        quantization=spec.quantization.name,
        dtype=spec.dtype,
        context=spec.context,
        concurrency=spec.concurrency,
        tensor_parallel=spec.tensor_parallel,
        memory_utilization=spec.memory_utilization,
        eager=spec.eager,
        kv_dtype=spec.kv_dtype,
        max_concurrency=round(result.budget.max_concurrency, 2),
    )


def _same(candidate: Spec, spec: Spec) -> bool:
    """Whether they are the same but for the correction, an open limit and open layers, which the evaluation adds."""
    limit = spec.concurrency if candidate.concurrency is None else candidate.concurrency
    return replace(candidate, correction=spec.correction, concurrency=limit, serving=spec.serving) == spec


def _dtype(scope: _Scope) -> Changes:
    for dtype in ("float16", "bfloat16"):
        if dtype != scope.spec.dtype:
            yield f"dtype {dtype}", replace(scope.spec, dtype=dtype)


def _cache_dtype(scope: _Scope) -> Changes:
    """Half the cache for the same tokens; on Ampere with the backend named."""
    spec = scope.spec
    if spec.engine.name == "vllm" and spec.kv_dtype == "auto" and spec.gpu.has_bfloat16:
        for name in ("fp8", "fp8_e5m2"):
            yield f"kv-dtype {name}", replace(spec, kv_dtype=name)


def _share(scope: _Scope) -> Changes:
    spec = scope.spec
    now = spec.engine.memory_utilization if spec.memory_utilization is None else spec.memory_utilization
    for share in (*_SHARES_UP, *_SHARES_DOWN):
        if share != now:
            yield f"gpu-memory-utilization {share}", replace(spec, memory_utilization=share)


def _requests(scope: _Scope) -> Changes:
    for limit in _REQUESTS:
        if scope.spec.concurrency is None or limit < scope.spec.concurrency:
            yield f"concurrency {limit}", replace(scope.spec, concurrency=limit)


def _eager(scope: _Scope) -> Changes:
    if not scope.spec.eager:
        yield "eager", replace(scope.spec, eager=True)


def _context(scope: _Scope) -> Changes:
    """The largest context that fits, to the token."""
    context = largest_context(scope.spec)
    if _SMALLEST_CONTEXT <= context < scope.spec.context:
        yield f"context {context}", replace(scope.spec, context=context)


def _quantization(scope: _Scope) -> Changes:
    for row in scope.quantizations:
        yield f"quantization {row.name}", with_quantization(scope.spec, row)


def _ranks(scope: _Scope) -> Changes:
    spec = scope.spec
    for size in sorted(ranks(spec.gpu, _RANKS[-1]), key=lambda n: (n < spec.tensor_parallel, n)):
        if size != spec.tensor_parallel:
            count = size * spec.gpus // spec.tensor_parallel
            yield f"tp {size}: {quantity(count, spec.gpu.name)}", replace(spec, tensor_parallel=size)


def _gpu(scope: _Scope) -> Changes:
    for row in scope.gpus:
        moved = replace(scope.spec, gpu=row)
        yield f"GPU {row.product}", with_quantization(moved, moved.quantization)


def _ranks_and_quantization(scope: _Scope) -> Changes:
    """More GPUs of the same kind in the same or another quantization; with more room for NCCL where that helps."""
    spec = scope.spec
    more = [n for n in ranks(spec.gpu, _RANKS[-1]) if n > spec.tensor_parallel]
    for size, row in product(more, (spec.quantization, *scope.quantizations)):
        count = size * spec.gpus // spec.tensor_parallel
        change = f"tp {size}: {quantity(count, spec.gpu.name)}, quantization {row.name}"
        split = replace(with_quantization(spec, row), tensor_parallel=size)
        yield change, split
        yield f"{change}, gpu-memory-utilization {_ROOMY}", replace(split, memory_utilization=_ROOMY)


def _gpu_and_quantization(scope: _Scope) -> Changes:
    own = scope.spec.quantization
    for size, gpu, row in product(_RANKS, scope.gpus, (own, *scope.quantizations)):
        moved = replace(scope.spec, gpu=gpu, tensor_parallel=size)
        yield f"{quantity(size, gpu.name)}, quantization {row.name}", with_quantization(moved, row)


def _engine(scope: _Scope) -> Changes:
    spec = scope.spec
    if spec.engine.name == _OTHER_ENGINE:
        return
    other = replace(
        spec,
        engine=scope.catalogue.engine(_OTHER_ENGINE),
        memory_utilization=None,
        concurrency=spec.concurrency or 1,
        kv_dtype="auto",
    )
    for row in by_quality(spec.model, scope.catalogue.quantizations, _OTHER_ENGINE):
        yield f"engine {_OTHER_ENGINE}, quantization {row.name}", with_quantization(other, row)


# Kind of change, and how many options that fit already make it needless.
_KINDS: tuple[tuple[Callable[[_Scope], Changes], int], ...] = (
    (_dtype, 4),
    (_cache_dtype, 4),
    (_share, 4),
    (_requests, 4),
    (_eager, 4),
    (_context, 4),
    (_quantization, 4),
    (_ranks, 4),
    (_ranks_and_quantization, 1),
    (_engine, 1),
    (_gpu, 4),
    (_gpu_and_quantization, 1),
)
