"""Support rules about several GPUs: what divides by tensor-parallel ranks, pipeline stages, MIG slices."""

from __future__ import annotations

from signalbox.capacity.gpu_names import product
from signalbox.capacity.spec import TENSOR_ENGINES, Architecture, Spec
from signalbox.capacity.support.matrix import Finding, Support

MOST_GPUS = 64  # that may share a layer


def tensor_parallel(spec: Spec, _: Support) -> Finding | None:
    """Heads, KV heads, vocabulary and inner width must split evenly."""
    size = spec.tensor_parallel
    if size == 1 or spec.engine.name not in TENSOR_ENGINES:
        return None
    problem = uneven_split(spec.model, size)
    if problem is None:
        return None
    sizes = [n for n in range(1, MOST_GPUS + 1) if uneven_split(spec.model, n) is None]
    smaller = max((n for n in sizes if n < size), default=1)
    larger = min((n for n in sizes if n > size), default=None)
    hint = f"Use tensorParallel {smaller}" + (f" or {larger}." if larger else ".")
    reason = f"Tensor parallelism over {size} GPUs: {problem}"
    return Finding("unsupported", "tensor-parallel-split", reason, hint)


def uneven_split(model: Architecture, size: int) -> str | None:
    """The part of a model that does not divide by `size` GPUs that share its layers; None when all parts do."""
    if model.heads % size:
        return f"{model.heads} attention heads do not divide by {size}."
    latent = any(group.kind == "mla" for group in model.kv_groups)
    if not latent and model.kv_heads % size and size % max(1, model.kv_heads):
        return f"{model.kv_heads} KV heads neither divide by {size} nor divide it."
    if model.padded_vocab % size:
        return f"a vocabulary of {model.vocab} (padded to {model.padded_vocab}) does not divide by {size}."
    inner = _inner_width(model)
    if inner % size:
        return f"an inner width of {inner} does not divide by {size}."
    return None


def _inner_width(model: Architecture) -> int:
    return model.moe.intermediate if model.moe is not None else model.intermediate


def quantization_groups(spec: Spec, tables: Support) -> Finding | None:
    """Each rank's rows must be whole groups of the quantization."""
    group = tables.group_size.get(spec.quantization.name)
    size, inner = spec.tensor_parallel, _inner_width(spec.model)
    if group is None or size == 1 or spec.engine.name not in TENSOR_ENGINES or inner % size:
        return None
    if inner % group or (inner // size) % group == 0:
        return None  # A checkpoint whose own width is no multiple is stored padded, or in smaller groups.
    largest = max(
        n for n in range(1, size) if inner % (n * group) == 0 and uneven_split(spec.model, n) is None
    )
    strict = spec.quantization.name == "fp8-block"
    padded = "" if strict else " The checkpoint must be padded for it."
    return Finding(
        "unsupported" if strict else "warning",
        "quantization-groups",
        f"{spec.quantization.name} has groups of {group}: {inner} / {size} = {inner // size} is no multiple.{padded}",
        f"Use tensorParallel {largest}, or another quantization.",
    )


def pipeline_parallel(spec: Spec, _: Support) -> Finding | None:
    size = spec.pipeline_parallel
    if size == 1:
        return None
    if spec.engine.name == "tgi":
        hint = f"Use tensorParallel {spec.tensor_parallel * size}, or engine vllm."
        return Finding("unsupported", "pipeline-engine", "TGI has no pipeline parallelism.", hint)
    if size > spec.model.layers:
        return Finding(
            "unsupported",
            "pipeline-layers",
            f"{spec.model.layers} layers cannot be spread over {size} stages.",
            f"Use pipelineParallel {spec.model.layers} at most.",
        )
    return None


def slices(spec: Spec, _: Support) -> Finding | None:
    if spec.gpu.slice_of is None or spec.gpus == 1:
        return None
    whole = product(spec.gpu.slice_of)
    return Finding(
        "unsupported",
        "mig-parallel",
        f"{spec.gpu.product} is a slice of a GPU: slices have no link to each other, and NCCL does not join them.",
        f"Use one slice, a larger one, or the whole {whole}.",
    )


def bitsandbytes(spec: Spec, _: Support) -> Finding | None:
    if spec.engine.name != "vllm" or spec.tensor_parallel == 1:
        return None
    if spec.quantization.name not in ("int8", "bnb-nf4", "bnb-nf4-dq"):
        return None
    return Finding(
        "warning",
        "bitsandbytes-parallel",
        "bitsandbytes with tensor parallelism quantizes after loading: every rank reads the 16-bit checkpoint, and "
        "8-bit checkpoints that are quantized already do not split.",
        "AWQ and GPTQ checkpoints split without that.",
    )
