"""Choices left to the planner: dtype, the best quantization that fits, the smallest tensor parallelism that fits.

`Judge` is what decides: support rules and memory. It is passed in, so that the choices can be tested alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from signalbox.capacity.budget import Budget
from signalbox.capacity.spec import Architecture, Gpu, Quantization, Spec
from signalbox.capacity.support.check import Finding

_RANKS = (1, 2, 4, 8)
_PUBLISHED_ONLY = "mxfp4"
_SLOW = ("int8-mixed",)  # LLM.int8 multiplies outliers apart: no better than other 8 bits, and slower


@dataclass(frozen=True)
class Judged:
    """A set-up with what the rules and the memory say of it."""

    spec: Spec
    budget: Budget
    findings: tuple[Finding, ...]

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """Rules that it breaks."""
        return tuple(row for row in self.findings if row.level == "unsupported")

    @property
    def fits(self) -> bool:
        """It starts, and holds one request of full context."""
        return self.budget.fits and not self.refusals

    @property
    def gpus(self) -> int:
        """GPUs that it takes."""
        return self.spec.tensor_parallel * self.spec.pipeline_parallel


Judge = Callable[[Spec], Judged]


def auto_dtype(model: Architecture, gpu: Gpu, quantization: Quantization) -> str:
    """The checkpoint's dtype; float16 where the GPU has no bfloat16, or where the quantization names it."""
    if quantization.name in ("fp16", "gguf-f16"):
        return "float16"
    if quantization.name == "fp32":
        return "float32"
    wanted = "bfloat16" if model.dtype == "float32" or quantization.name == "bf16" else model.dtype
    if quantization.name != "bf16" and wanted == "bfloat16" and not gpu.has_bfloat16:
        return "float16"
    return wanted


def bits(model: Architecture, quantization: Quantization) -> float:
    """Bits of an average weight of this model."""
    parts = model.parameters
    counted = (
        (parts.linear, quantization.linear_bits),
        (parts.experts, quantization.expert_bits),
        (parts.embedding, quantization.embedding_bits),
        (parts.head, quantization.head_bits),
        (parts.other + parts.vision, None),
    )
    return sum(number * (16 if width is None else width) for number, width in counted) / parts.total


def by_quality(model: Architecture, rows: Sequence[Quantization], engine: str) -> tuple[Quantization, ...]:
    """What the engine can load, most bits a weight (rounded) first; equal ones in the catalogue's order,
    the slow one last.

    A checkpoint that is published quantized (gpt-oss, DeepSeek) is taken as it is, and only such ones are MXFP4.
    """
    able = [row for row in rows if engine in row.engines and row.compute != "32bit"]
    if declared := model.checkpoint_quantization:
        own = [row for row in able if declared in (row.name, *row.aliases)]
        if own:
            return tuple(own)
    able = [row for row in able if not row.name.endswith(_PUBLISHED_ONLY)]
    return tuple(sorted(able, key=lambda row: (-bits_class(model, row), row.compute in _SLOW)))


def bits_class(model: Architecture, row: Quantization) -> int:
    """Bits of most of the weights, rounded: what quality is taken to follow."""
    width = row.expert_bits if model.parameters.experts > model.parameters.linear else row.linear_bits
    return 16 if width is None else round(width)


def ranks(gpu: Gpu, count: int) -> tuple[int, ...]:
    """Tensor-parallel sizes to try with so many GPUs; slices of a GPU cannot be joined."""
    if gpu.slice_of is not None:
        return (1,)
    return tuple(sorted({n for n in (*_RANKS, 16, 32) if n <= count} | {count}))


def best(candidates: Iterable[Spec], judge: Judge) -> Judged:
    """The first that fits; of as many bits and GPUs, one that no rule warns of. Else the one that lacks least."""
    found: Judged | None = None
    closest: Judged | None = None
    for spec in candidates:
        if found is not None and not _could_be_better(spec, found):
            continue
        judged = judge(spec)
        if judged.fits and (found is None or len(judged.findings) < len(found.findings)):
            found = judged
        elif closest is None or _closeness(judged) > _closeness(closest):
            closest = judged
    result = found or closest
    if result is None:
        raise ValueError("no candidate to choose from")
    return result


def _could_be_better(spec: Spec, found: Judged) -> bool:
    same_class = bits_class(spec.model, spec.quantization) == bits_class(spec.model, found.spec.quantization)
    gpus = spec.tensor_parallel * spec.pipeline_parallel
    return bool(found.findings) and same_class and gpus <= found.gpus


def _closeness(judged: Judged) -> tuple[int, float]:
    """A refused one is farthest; next is the one that lacks least; one that only lacks room elsewhere is nearest."""
    if judged.refusals:
        return (0, 0.0)
    if judged.budget.max_concurrency >= 1:
        return (2, 0.0)
    return (1, judged.budget.kv_bytes / judged.budget.total_bytes)


def with_quantization(spec: Spec, quantization: Quantization, *, dtype: str | None = None) -> Spec:
    """The set-up with another quantization, and the dtype that goes with it."""
    chosen = dtype or auto_dtype(spec.model, spec.gpu, quantization)
    return replace(spec, quantization=quantization, dtype=chosen)
