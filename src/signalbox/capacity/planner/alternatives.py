"""Changes after which a set-up that does not fit, or is refused, works: the smallest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import Judge, Judged, best, by_quality, ranks, with_quantization
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
class _Choice:
    """What there is to choose from."""

    spec: Spec
    quantizations: Sequence[Quantization]  # others than the set-up's
    gpus: Sequence[Gpu]  # whole ones, others than the set-up's, smallest first
    catalogue: Catalogue


def alternatives(judged: Judged, judge: Judge, catalogue: Catalogue) -> tuple[Alternative, ...]:
    """The first change of each kind that works, in the order of the kinds below."""
    spec = judged.spec
    choice = _Choice(
        spec=spec,
        quantizations=[
            row
            for row in by_quality(spec.model, catalogue.quantizations, spec.engine.name)
            if row.name != spec.quantization.name
        ],
        gpus=sorted(
            (row for row in catalogue.gpus if row.slice_of is None and row.name != spec.gpu.name),
            key=lambda row: (row.total_gib, row.name),
        ),
        catalogue=catalogue,
    )
    found: list[Alternative] = []
    for kind, enough in _KINDS:
        if len(found) < enough and (hit := _first(kind(choice), judge)) is not None:
            found.append(hit)
    return tuple(found)


def _first(changes: Changes, judge: Judge) -> Alternative | None:
    labelled = list(changes)
    if not labelled:
        return None
    judged = best((spec for _, spec in labelled), judge)
    if not judged.fits:
        return None
    spec = judged.spec
    return Alternative(
        change=next(change for change, tried in labelled if _same(tried, spec)),
        engine=spec.engine.name,
        gpu=spec.gpu.name,
        gpus=judged.gpus,
        quantization=spec.quantization.name,
        dtype=spec.dtype,
        context=spec.context,
        concurrency=spec.concurrency,
        tensor_parallel=spec.tensor_parallel,
        memory_utilization=spec.memory_utilization,
        eager=spec.eager,
        max_concurrency=round(judged.budget.max_concurrency, 2),
    )


def _same(tried: Spec, judged: Spec) -> bool:
    return replace(tried, correction=judged.correction) == judged


def _dtype(choice: _Choice) -> Changes:
    for dtype in ("float16", "bfloat16"):
        if dtype != choice.spec.dtype:
            yield f"dtype {dtype}", replace(choice.spec, dtype=dtype)


def _share(choice: _Choice) -> Changes:
    spec = choice.spec
    now = spec.engine.memory_utilization if spec.memory_utilization is None else spec.memory_utilization
    for share in (*_SHARES_UP, *_SHARES_DOWN):
        if share != now:
            yield f"gpu-memory-utilization {share}", replace(spec, memory_utilization=share)


def _requests(choice: _Choice) -> Changes:
    for limit in _REQUESTS:
        if choice.spec.concurrency is None or limit < choice.spec.concurrency:
            yield f"concurrency {limit}", replace(choice.spec, concurrency=limit)


def _eager(choice: _Choice) -> Changes:
    if not choice.spec.eager:
        yield "eager", replace(choice.spec, eager=True)


def _context(choice: _Choice) -> Changes:
    longest = choice.spec.model.max_positions
    context = min(longest, choice.spec.context // 2)
    while context >= _SMALLEST_CONTEXT:
        yield f"context {context}", replace(choice.spec, context=context)
        context //= 2


def _quantization(choice: _Choice) -> Changes:
    for row in choice.quantizations:
        yield f"quantization {row.name}", with_quantization(choice.spec, row)


def _ranks(choice: _Choice) -> Changes:
    spec = choice.spec
    for size in sorted(ranks(spec.gpu, _RANKS[-1]), key=lambda n: (n < spec.tensor_parallel, n)):
        if size != spec.tensor_parallel:
            count = size * spec.pipeline_parallel
            yield f"tp {size}: {count}x{spec.gpu.name}", replace(spec, tensor_parallel=size)


def _gpu(choice: _Choice) -> Changes:
    for row in choice.gpus:
        moved = replace(choice.spec, gpu=row)
        yield f"GPU {row.name}", with_quantization(moved, moved.quantization)


def _ranks_and_quantization(choice: _Choice) -> Changes:
    """More GPUs of the kind with the own or another quantization; with more room for NCCL where that helps."""
    spec = choice.spec
    more = [n for n in ranks(spec.gpu, _RANKS[-1]) if n > spec.tensor_parallel]
    for size, row in product(more, (spec.quantization, *choice.quantizations)):
        change = f"tp {size}: {size * spec.pipeline_parallel}x{spec.gpu.name}, quantization {row.name}"
        split = replace(with_quantization(spec, row), tensor_parallel=size)
        yield change, split
        yield f"{change}, gpu-memory-utilization {_ROOMY}", replace(split, memory_utilization=_ROOMY)


def _gpu_and_quantization(choice: _Choice) -> Changes:
    own = choice.spec.quantization
    for size, gpu, row in product(_RANKS, choice.gpus, (own, *choice.quantizations)):
        moved = replace(choice.spec, gpu=gpu, tensor_parallel=size)
        yield f"{size}x{gpu.name}, quantization {row.name}", with_quantization(moved, row)


def _engine(choice: _Choice) -> Changes:
    spec = choice.spec
    if spec.engine.name == _OTHER_ENGINE:
        return
    other = replace(
        spec,
        engine=choice.catalogue.engine(_OTHER_ENGINE),
        memory_utilization=None,
        concurrency=spec.concurrency or 1,
        kv_dtype="auto",
    )
    for row in by_quality(spec.model, choice.catalogue.quantizations, _OTHER_ENGINE):
        yield f"engine {_OTHER_ENGINE}, quantization {row.name}", with_quantization(other, row)


# Kind of change, and how many that work already make it needless.
_KINDS: tuple[tuple[Callable[[_Choice], Changes], int], ...] = (
    (_dtype, 4),
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
