"""The support rules that need arithmetic or the architecture: one small predicate each, listed in RULES."""

from __future__ import annotations

from collections.abc import Callable

from signalbox.capacity.spec import Architecture, Spec
from signalbox.capacity.support.matrix import Finding, cell_finding, load

BF16_CAPABILITY = 8.0
FP8_CACHE_CAPABILITY = 8.9
MOST_GPUS = 64  # that may share a layer
_PADDED_VOCAB = 64
_TENSOR_ENGINES = ("vllm", "tgi", "nim")  # engines that split heads; the others give whole layers to a GPU
_MX_FAMILY = "gpt_oss"


def _dtype(spec: Spec) -> Finding | None:
    tables = load()
    if spec.engine.name not in _TENSOR_ENGINES or spec.dtype != "bfloat16":
        return None
    if spec.gpu.compute_capability >= BF16_CAPABILITY:
        return None
    hint = "Use dtype float16 (--dtype half)."
    if spec.model.family in tables.not_in_float16 and spec.engine.name == "vllm":
        hint = "This model does not run in float16 either: use dtype float32, or engine llamacpp."
    return Finding(
        "refusal",
        "bf16-capability",
        f"bfloat16 needs compute capability 8.0; {spec.gpu.name} has {spec.gpu.compute_capability:.1f}.",
        hint,
    )


def _float16(spec: Spec) -> Finding | None:
    tables = load()
    if spec.engine.name != "vllm" or spec.dtype != "float16":
        return None
    if spec.model.family not in tables.not_in_float16:
        return None
    can = spec.gpu.compute_capability >= BF16_CAPABILITY
    return Finding(
        "refusal",
        "float16-unstable",
        f"vLLM refuses {spec.model.family} in float16: its activations overflow.",
        "Use dtype bfloat16." if can else "Use dtype float32, or engine llamacpp with a GGUF quantization.",
    )


def _half_precision_kernels(spec: Spec) -> Finding | None:
    if spec.engine.name != "tgi" or spec.quantization.name not in ("awq-int4", "gptq-int4", "gptq-int8"):
        return None
    if spec.dtype != "bfloat16":
        return None
    return Finding(
        "warning",
        "tgi-float16-kernels",
        f"TGI runs {spec.quantization.name} in float16, whatever the checkpoint's dtype.",
        "",
    )


def _architecture_old(spec: Spec) -> Finding | None:
    """gpt-oss has attention sinks, which no backend for Turing and older knows, whatever the quantization."""
    if spec.model.family != _MX_FAMILY or spec.engine.name not in _TENSOR_ENGINES:
        return None
    if spec.gpu.compute_capability >= BF16_CAPABILITY or spec.quantization.name == "mxfp4":
        return None
    return Finding(
        "refusal",
        "gpt-oss-capability",
        f"gpt-oss needs compute capability 8.0 (attention with sinks); {spec.gpu.name} has "
        f"{spec.gpu.compute_capability:.1f}.",
        "Use engine llamacpp with quantization gguf-mxfp4.",
    )


def _windows_on_turing(spec: Spec) -> Finding | None:
    """TGI's attention below 8.0 is FlashAttention 1."""
    model = spec.model
    if spec.engine.name != "tgi" or spec.gpu.compute_capability >= BF16_CAPABILITY:
        return None
    sliding = any(group.kind in ("sliding", "chunked") for group in model.kv_groups)
    if not (sliding or model.softcap):
        return None
    what = "soft-capped attention" if model.softcap else "a sliding window"
    return Finding(
        "refusal",
        "tgi-attention-turing",
        f"{model.name} has {what}, which TGI's FlashAttention 1 on {spec.gpu.name} lacks.",
        "Use engine vllm or llamacpp.",
    )


def _arm(spec: Spec) -> Finding | None:
    if spec.engine.name not in ("tgi", "nim") or not spec.gpu.arm64:
        return None
    tgi = spec.engine.name == "tgi"
    return Finding(
        "refusal" if tgi else "warning",
        "arm64-image",
        f"{spec.gpu.name} sits beside an Arm CPU; {'TGI images are' if tgi else 'not every NIM image is more than'} "
        "amd64 only.",
        "Use engine vllm: its images exist for arm64." if tgi else "Check the image's platforms first.",
    )


def _cache_dtype(spec: Spec) -> Finding | None:
    tables = load()
    wanted, engine = spec.kv_dtype, spec.engine.name
    known = tables.kv_dtypes[engine]
    unknown = [part for part in wanted.split("/") if part not in known]
    if unknown or ("/" in wanted and engine not in ("llamacpp", "ollama")):
        return Finding(
            "refusal",
            "kv-dtype-engine",
            f"{engine} has no KV cache of type {wanted}.",
            f"Use kv dtype {', '.join(known)}.",
        )
    capability = spec.gpu.compute_capability
    if engine in _TENSOR_ENGINES and "fp8" in wanted and capability < FP8_CACHE_CAPABILITY:
        return Finding(
            "refusal",
            "kv-fp8-capability",
            f"An FP8 KV cache needs compute capability 8.9; {spec.gpu.name} has {capability:.1f}.",
            "Use kv dtype auto, and half the context or the requests.",
        )
    return None


def _tensor_parallel(spec: Spec) -> Finding | None:
    """Heads, KV heads, vocabulary and inner width must split evenly."""
    size = spec.tensor_parallel
    if size == 1 or spec.engine.name not in _TENSOR_ENGINES:
        return None
    problem = uneven_split(spec.model, size)
    if problem is None:
        return None
    fitting = [n for n in range(1, MOST_GPUS + 1) if uneven_split(spec.model, n) is None]
    smaller = max((n for n in fitting if n < size), default=1)
    larger = min((n for n in fitting if n > size), default=None)
    hint = f"Use tensorParallel {smaller}" + (f" or {larger}." if larger else ".")
    return Finding(
        "refusal", "tensor-parallel-split", f"Tensor parallelism over {size} GPUs: {problem}", hint
    )


def uneven_split(model: Architecture, size: int) -> str | None:
    """What of a model does not divide by `size` GPUs that share its layers; None when all does."""
    if model.heads % size:
        return f"{model.heads} attention heads do not divide by {size}."
    latent = any(group.kind == "mla" for group in model.kv_groups)
    if not latent and model.kv_heads % size and size % max(1, model.kv_heads):
        return f"{model.kv_heads} KV heads neither divide by {size} nor divide it."
    padded = -(-model.vocab // _PADDED_VOCAB) * _PADDED_VOCAB
    if padded % size:
        return f"a vocabulary of {model.vocab} (padded to {padded}) does not divide by {size}."
    inner = _inner_width(model)
    if inner % size:
        return f"an inner width of {inner} does not divide by {size}."
    return None


def _inner_width(model: Architecture) -> int:
    return model.moe.intermediate if model.moe is not None else model.intermediate


def _quantization_groups(spec: Spec) -> Finding | None:
    """Each rank's rows must be whole groups of the quantization."""
    tables = load()
    group = tables.group_size.get(spec.quantization.name)
    size, inner = spec.tensor_parallel, _inner_width(spec.model)
    if group is None or size == 1 or spec.engine.name not in _TENSOR_ENGINES or inner % size:
        return None
    if inner % group or (inner // size) % group == 0:
        return None  # A checkpoint whose own width is no multiple is stored padded, or in smaller groups.
    fitting = max(
        n for n in range(1, size) if inner % (n * group) == 0 and uneven_split(spec.model, n) is None
    )
    strict = spec.quantization.name == "fp8-block"
    return Finding(
        "refusal" if strict else "warning",
        "quantization-groups",
        f"{spec.quantization.name} has groups of {group}: {inner} / {size} = {inner // size} is no multiple."
        + ("" if strict else " The checkpoint must be one that was padded for it."),
        f"Use tensorParallel {fitting}, or another quantization.",
    )


def _pipeline_parallel(spec: Spec) -> Finding | None:
    size = spec.pipeline_parallel
    if size == 1:
        return None
    if spec.engine.name == "tgi":
        hint = f"Use tensorParallel {spec.tensor_parallel * size}, or engine vllm."
        return Finding("refusal", "pipeline-engine", "TGI has no pipeline parallelism.", hint)
    if size > spec.model.layers:
        return Finding(
            "refusal",
            "pipeline-layers",
            f"{spec.model.layers} layers cannot be spread over {size} stages.",
            f"Use pipelineParallel {spec.model.layers} at most.",
        )
    return None


def _slices(spec: Spec) -> Finding | None:
    if spec.gpu.slice_of is None or spec.tensor_parallel * spec.pipeline_parallel == 1:
        return None
    return Finding(
        "refusal",
        "mig-parallel",
        f"{spec.gpu.name} is a slice of a GPU: slices have no link to each other, and NCCL does not join them.",
        f"Use one slice, a larger one, or the whole {spec.gpu.slice_of}.",
    )


def _context(spec: Spec) -> Finding | None:
    limit = spec.model.max_positions
    if spec.context <= limit:
        return None
    return Finding(
        "refusal",
        "context-positions",
        f"{spec.model.name} has {limit} positions; {spec.context} tokens of context were asked for.",
        f"Use context {limit}, or a model with a longer one.",
    )


def _checkpoint(spec: Spec) -> Finding | None:
    tables = load()
    declared, asked = spec.model.checkpoint_quantization, spec.quantization
    if declared is None or declared == asked.name or declared in asked.aliases or asked.compute == "gguf":
        return None
    if any({declared, asked.name} <= names for names in tables.same_checkpoint):
        return None
    return Finding(
        "refusal",
        "checkpoint-quantization",
        f"The checkpoint {spec.model.name} is {declared} already; {asked.name} was asked for.",
        f"Use quantization {declared}, or name a checkpoint in {asked.name}.",
    )


def _bitsandbytes(spec: Spec) -> Finding | None:
    if spec.engine.name != "vllm" or spec.tensor_parallel == 1:
        return None
    if spec.quantization.name not in ("int8", "bnb-nf4", "bnb-nf4-dq"):
        return None
    return Finding(
        "warning",
        "bitsandbytes-parallel",
        "bitsandbytes with tensor parallelism quantizes after loading: every rank reads the 16-bit checkpoint, and "
        "8-bit checkpoints that are quantized already do not split.",
        "AWQ or GPTQ split without that.",
    )


def _fp8_experts(spec: Spec) -> Finding | None:
    if spec.quantization.name != "fp8-marlin" or spec.model.moe is None:
        return None
    return Finding(
        "warning",
        "fp8-experts-ampere",
        "Experts in weight-only FP8 were long unsupported on Ampere, and are less tested than dense layers.",
        "Prefer quantization awq-int4 or gptq-int4 for mixtures of experts.",
    )


_ASSUMED = {
    "tgi": (
        "TGI has been in maintenance mode since December 2025, and its memory was read from its source, not measured.",
        "Leave a tenth of the GPU free, or use engine vllm.",
    ),
    "nim": (
        "NIM is planned as vLLM, which its generic profiles run; a TensorRT-LLM profile has its own engine and buffers.",
        "Ask the image which profiles fit: list-model-profiles.",
    ),
}


def _assumed(spec: Spec) -> Finding | None:
    """Engines whose memory nobody measured here."""
    if spec.engine.name not in _ASSUMED:
        return None
    reason, hint = _ASSUMED[spec.engine.name]
    return Finding("warning", f"{spec.engine.name}-assumed", reason, hint)


Rule = Callable[[Spec], Finding | None]
RULES: tuple[Rule, ...] = (
    cell_finding,
    _dtype,
    _float16,
    _half_precision_kernels,
    _architecture_old,
    _windows_on_turing,
    _arm,
    _cache_dtype,
    _checkpoint,
    _context,
    _tensor_parallel,
    _quantization_groups,
    _pipeline_parallel,
    _slices,
    _bitsandbytes,
    _fp8_experts,
    _assumed,
)
