"""Choices left to the planner: dtype, the best quantization that fits, the smallest tensor parallelism that fits.

The evaluation (support rules and memory) is passed in as a function, so that the choices can be tested alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from signalbox.capacity.planner.evaluate import Evaluate, Evaluation
from signalbox.capacity.spec import Architecture, Gpu, Quantization, Spec

_RANKS = (1, 2, 4, 8)
_PUBLISHED_ONLY = "mxfp4"
_SLOW = ("int8-mixed",)  # LLM.int8 multiplies outliers apart: no better than other 8 bits, and slower


def auto_dtype(model: Architecture, gpu: Gpu, quantization: Quantization) -> str:
    """The checkpoint's dtype; float16 where the GPU has no bfloat16, or where the quantization names it."""
    if quantization.name in ("fp16", "gguf-f16"):
        return "float16"
    if quantization.name == "fp32":
        return "float32"
    dtype = "bfloat16" if model.dtype == "float32" or quantization.name == "bf16" else model.dtype
    if quantization.name != "bf16" and dtype == "bfloat16" and not gpu.has_bfloat16:
        return "float16"
    return dtype


def bits(model: Architecture, quantization: Quantization) -> float:
    """Bits per weight, averaged over all parameters of this model."""
    parts = model.parameters
    widths = (
        (parts.linear, quantization.linear_bits),
        (parts.experts, quantization.expert_bits),
        (parts.embedding, quantization.embedding_bits),
        (parts.head, quantization.head_bits),
        (parts.other + parts.vision, None),
    )
    return sum(number * (16 if width is None else width) for number, width in widths) / parts.total


def by_quality(
    model: Architecture, rows: Sequence[Quantization], engine: str, obtainable: Collection[str] | None = None
) -> tuple[Quantization, ...]:
    """What the engine can load, most bits per weight (rounded) first; equal ones in the catalogue's order, those
    with known files (`obtainable`) first and the slow one last.

    A checkpoint that is published quantized (gpt-oss, DeepSeek) is used as it is, and only such ones are MXFP4.
    """
    able = [row for row in rows if engine in row.engines and row.compute != "32bit"]
    if declared := model.checkpoint_quantization:
        own = [row for row in able if declared in (row.name, *row.aliases)]
        if own:
            return tuple(own)
    able = [row for row in able if not row.name.endswith(_PUBLISHED_ONLY)]
    return tuple(sorted(able, key=lambda row: _place(model, row, obtainable)))


def _place(
    model: Architecture, row: Quantization, obtainable: Collection[str] | None
) -> tuple[int, bool, bool]:
    return (-bits_class(model, row), row.compute in _SLOW, missing(row, obtainable))


def missing(row: Quantization, obtainable: Collection[str] | None) -> bool:
    """Whether a quantization needs files of its own and none are known (`obtainable`; None: any can be had)."""
    return obtainable is not None and row.compute not in ("16bit", "gguf") and row.name not in obtainable


def bits_class(model: Architecture, row: Quantization) -> int:
    """Bits of most of the weights, rounded: the measure of quality."""
    width = row.expert_bits if model.parameters.experts > model.parameters.linear else row.linear_bits
    return 16 if width is None else round(width)


def ranks(gpu: Gpu, count: int) -> tuple[int, ...]:
    """Tensor-parallel sizes to try with that many GPUs; MIG slices cannot be joined."""
    if gpu.slice_of is not None:
        return (1,)
    return tuple(sorted({n for n in (*_RANKS, 16, 32) if n <= count} | {count}))


def best(
    candidates: Iterable[Spec], evaluate: Evaluate, obtainable: Collection[str] | None = None
) -> Evaluation:
    """The first that fits; of equal bits and GPUs, one with known files, then one without warnings. If none fits, the
    closest one."""
    winner: Evaluation | None = None
    closest: Evaluation | None = None
    for spec in candidates:
        if winner is not None and not _could_be_better(spec, winner):
            continue
        candidate = evaluate(spec)
        if candidate.fits and (winner is None or _flaws(candidate, obtainable) < _flaws(winner, obtainable)):
            winner = candidate
        elif closest is None or _closeness(candidate) > _closeness(closest):
            closest = candidate
    result = winner or closest
    if result is None:
        raise ValueError("no candidate to choose from")
    return result


def _could_be_better(spec: Spec, winner: Evaluation) -> bool:
    same_class = bits_class(spec.model, spec.quantization) == bits_class(spec.model, winner.spec.quantization)
    gpus = spec.gpus
    return bool(winner.findings) and same_class and gpus <= winner.gpus


def _flaws(evaluation: Evaluation, obtainable: Collection[str] | None) -> tuple[bool, int]:
    """Without files there is no command, which is worse than any warning."""
    return missing(evaluation.spec.quantization, obtainable), len(evaluation.findings)


def _closeness(evaluation: Evaluation) -> tuple[int, float]:
    """Unsupported specs are farthest, then those short of memory; nearest are those with enough cache that fail elsewhere."""
    if evaluation.violations:
        return (0, 0.0)
    if evaluation.budget.max_concurrency >= 1:
        return (2, 0.0)
    return (1, evaluation.budget.kv_bytes / evaluation.budget.total_bytes)


def with_quantization(spec: Spec, quantization: Quantization) -> Spec:
    """The spec with another quantization, and the dtype that goes with it."""
    dtype = auto_dtype(spec.model, spec.gpu, quantization)
    return replace(spec, quantization=quantization, dtype=dtype)
