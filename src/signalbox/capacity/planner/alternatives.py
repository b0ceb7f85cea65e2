"""Changes after which a set-up that does not fit, or is refused, works: the smallest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import Judge, Judged, best, by_quality, ranks, with_quantization
from signalbox.capacity.planner.result import Alternative
from signalbox.capacity.spec import Gpu, Quantization, Setup

_SHARES_UP, _SHARES_DOWN = (0.95, 0.97), (0.9, 0.88, 0.85, 0.8)
_ROOMY = 0.85
_REQUESTS = (256, 128, 64, 32, 16, 8, 4, 2, 1)
_RANKS = (1, 2, 4, 8)
_SMALLEST_CONTEXT = 512
_OTHER_ENGINE = "llamacpp"  # runs where the others do not: old GPUs, fewer bits
Changes = Iterator[tuple[str, Setup]]


@dataclass(frozen=True)
class _Choice:
    """What there is to choose from."""

    setup: Setup
    quantizations: Sequence[Quantization]  # others than the set-up's
    gpus: Sequence[Gpu]  # whole ones, others than the set-up's, smallest first
    catalogue: Catalogue


def alternatives(judged: Judged, judge: Judge, catalogue: Catalogue) -> tuple[Alternative, ...]:
    """The first change of each kind that works, in the order of the kinds below."""
    setup = judged.setup
    choice = _Choice(
        setup=setup,
        quantizations=[
            row
            for row in by_quality(setup.model, catalogue.quantizations, setup.engine.name)
            if row.name != setup.quantization.name
        ],
        gpus=sorted(
            (row for row in catalogue.gpus if row.slice_of is None and row.name != setup.gpu.name),
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
    judged = best((setup for _, setup in labelled), judge)
    if not judged.fits:
        return None
    setup = judged.setup
    return Alternative(
        change=next(change for change, tried in labelled if _same(tried, setup)),
        engine=setup.engine.name,
        gpu=setup.gpu.name,
        gpus=judged.gpus,
        quantization=setup.quantization.name,
        dtype=setup.dtype,
        context=setup.context,
        concurrency=setup.concurrency,
        tensor_parallel=setup.tensor_parallel,
        memory_utilization=setup.memory_utilization,
        eager=setup.eager,
        max_concurrency=round(judged.budget.max_concurrency, 2),
    )


def _same(tried: Setup, judged: Setup) -> bool:
    return replace(tried, correction=judged.correction) == judged


def _dtype(choice: _Choice) -> Changes:
    for dtype in ("float16", "bfloat16"):
        if dtype != choice.setup.dtype:
            yield f"dtype {dtype}", replace(choice.setup, dtype=dtype)


def _share(choice: _Choice) -> Changes:
    setup = choice.setup
    now = setup.engine.memory_utilization if setup.memory_utilization is None else setup.memory_utilization
    for share in (*_SHARES_UP, *_SHARES_DOWN):
        if share != now:
            yield f"gpu-memory-utilization {share}", replace(setup, memory_utilization=share)


def _requests(choice: _Choice) -> Changes:
    for limit in _REQUESTS:
        if choice.setup.concurrency is None or limit < choice.setup.concurrency:
            yield f"concurrency {limit}", replace(choice.setup, concurrency=limit)


def _eager(choice: _Choice) -> Changes:
    if not choice.setup.eager:
        yield "eager", replace(choice.setup, eager=True)


def _context(choice: _Choice) -> Changes:
    longest = choice.setup.model.max_positions
    context = min(longest, choice.setup.context // 2)
    while context >= _SMALLEST_CONTEXT:
        yield f"context {context}", replace(choice.setup, context=context)
        context //= 2


def _quantization(choice: _Choice) -> Changes:
    for row in choice.quantizations:
        yield f"quantization {row.name}", with_quantization(choice.setup, row)


def _ranks(choice: _Choice) -> Changes:
    setup = choice.setup
    for size in sorted(ranks(setup.gpu, _RANKS[-1]), key=lambda n: (n < setup.tensor_parallel, n)):
        if size != setup.tensor_parallel:
            count = size * setup.pipeline_parallel
            yield f"tp {size}: {count}x{setup.gpu.name}", replace(setup, tensor_parallel=size)


def _gpu(choice: _Choice) -> Changes:
    for row in choice.gpus:
        moved = replace(choice.setup, gpu=row)
        yield f"GPU {row.name}", with_quantization(moved, moved.quantization)


def _ranks_and_quantization(choice: _Choice) -> Changes:
    """More GPUs of the kind with the own or another quantization; with more room for NCCL where that helps."""
    setup = choice.setup
    more = [n for n in ranks(setup.gpu, _RANKS[-1]) if n > setup.tensor_parallel]
    for size, row in product(more, (setup.quantization, *choice.quantizations)):
        change = f"tp {size}: {size * setup.pipeline_parallel}x{setup.gpu.name}, quantization {row.name}"
        split = replace(with_quantization(setup, row), tensor_parallel=size)
        yield change, split
        yield f"{change}, gpu-memory-utilization {_ROOMY}", replace(split, memory_utilization=_ROOMY)


def _gpu_and_quantization(choice: _Choice) -> Changes:
    own = choice.setup.quantization
    for size, gpu, row in product(_RANKS, choice.gpus, (own, *choice.quantizations)):
        moved = replace(choice.setup, gpu=gpu, tensor_parallel=size)
        yield f"{size}x{gpu.name}, quantization {row.name}", with_quantization(moved, row)


def _engine(choice: _Choice) -> Changes:
    setup = choice.setup
    if setup.engine.name == _OTHER_ENGINE:
        return
    other = replace(
        setup,
        engine=choice.catalogue.engine(_OTHER_ENGINE),
        memory_utilization=None,
        concurrency=setup.concurrency or 1,
        kv_dtype="auto",
    )
    for row in by_quality(setup.model, choice.catalogue.quantizations, _OTHER_ENGINE):
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
