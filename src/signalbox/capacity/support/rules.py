"""The support rules that need arithmetic or the architecture: one small predicate each, listed in RULES."""

from __future__ import annotations

from collections.abc import Callable

from signalbox.capacity.spec import Architecture, Setup
from signalbox.capacity.support.matrix import Finding, cell_finding, load

BF16_CAPABILITY = 8.0
FP8_CACHE_CAPABILITY = 8.9
MOST_GPUS = 64  # that may share a layer
_PADDED_VOCAB = 64
_TENSOR_ENGINES = ("vllm", "tgi", "nim")  # engines that split heads; the others give whole layers to a GPU
_MX_FAMILY = "gpt_oss"


def _dtype(setup: Setup) -> Finding | None:
    tables = load()
    if setup.engine.name not in _TENSOR_ENGINES or setup.dtype != "bfloat16":
        return None
    if setup.gpu.compute_capability >= BF16_CAPABILITY:
        return None
    hint = "Use dtype float16 (--dtype half)."
    if setup.model.family in tables.not_in_float16 and setup.engine.name == "vllm":
        hint = "This model does not run in float16 either: use dtype float32, or engine llamacpp."
    return Finding(
        "refusal",
        "bf16-capability",
        f"bfloat16 needs compute capability 8.0; {setup.gpu.name} has {setup.gpu.compute_capability:.1f}.",
        hint,
    )


def _float16(setup: Setup) -> Finding | None:
    tables = load()
    if setup.engine.name != "vllm" or setup.dtype != "float16":
        return None
    if setup.model.family not in tables.not_in_float16:
        return None
    can = setup.gpu.compute_capability >= BF16_CAPABILITY
    return Finding(
        "refusal",
        "float16-unstable",
        f"vLLM refuses {setup.model.family} in float16: its activations overflow.",
        "Use dtype bfloat16." if can else "Use dtype float32, or engine llamacpp with a GGUF quantization.",
    )


def _half_precision_kernels(setup: Setup) -> Finding | None:
    if setup.engine.name != "tgi" or setup.quantization.name not in ("awq-int4", "gptq-int4", "gptq-int8"):
        return None
    if setup.dtype != "bfloat16":
        return None
    return Finding(
        "warning",
        "tgi-float16-kernels",
        f"TGI runs {setup.quantization.name} in float16, whatever the checkpoint's dtype.",
        "",
    )


def _architecture_old(setup: Setup) -> Finding | None:
    """gpt-oss has attention sinks, which no backend for Turing and older knows, whatever the quantization."""
    if setup.model.family != _MX_FAMILY or setup.engine.name not in _TENSOR_ENGINES:
        return None
    if setup.gpu.compute_capability >= BF16_CAPABILITY or setup.quantization.name == "mxfp4":
        return None
    return Finding(
        "refusal",
        "gpt-oss-capability",
        f"gpt-oss needs compute capability 8.0 (attention with sinks); {setup.gpu.name} has "
        f"{setup.gpu.compute_capability:.1f}.",
        "Use engine llamacpp with quantization gguf-mxfp4.",
    )


def _windows_on_turing(setup: Setup) -> Finding | None:
    """TGI's attention below 8.0 is FlashAttention 1."""
    model = setup.model
    if setup.engine.name != "tgi" or setup.gpu.compute_capability >= BF16_CAPABILITY:
        return None
    sliding = any(group.kind in ("sliding", "chunked") for group in model.kv_groups)
    if not (sliding or model.softcap):
        return None
    what = "soft-capped attention" if model.softcap else "a sliding window"
    return Finding(
        "refusal",
        "tgi-attention-turing",
        f"{model.name} has {what}, which TGI's FlashAttention 1 on {setup.gpu.name} lacks.",
        "Use engine vllm or llamacpp.",
    )


def _arm(setup: Setup) -> Finding | None:
    if setup.engine.name not in ("tgi", "nim") or not setup.gpu.arm64:
        return None
    tgi = setup.engine.name == "tgi"
    return Finding(
        "refusal" if tgi else "warning",
        "arm64-image",
        f"{setup.gpu.name} sits beside an Arm CPU; {'TGI images are' if tgi else 'not every NIM image is more than'} "
        "amd64 only.",
        "Use engine vllm: its images exist for arm64." if tgi else "Check the image's platforms first.",
    )


def _cache_dtype(setup: Setup) -> Finding | None:
    tables = load()
    wanted, engine = setup.kv_dtype, setup.engine.name
    known = tables.kv_dtypes[engine]
    unknown = [part for part in wanted.split("/") if part not in known]
    if unknown or ("/" in wanted and engine not in ("llamacpp", "ollama")):
        return Finding(
            "refusal",
            "kv-dtype-engine",
            f"{engine} has no KV cache of type {wanted}.",
            f"Use kv dtype {', '.join(known)}.",
        )
    capability = setup.gpu.compute_capability
    if engine in _TENSOR_ENGINES and "fp8" in wanted and capability < FP8_CACHE_CAPABILITY:
        return Finding(
            "refusal",
            "kv-fp8-capability",
            f"An FP8 KV cache needs compute capability 8.9; {setup.gpu.name} has {capability:.1f}.",
            "Use kv dtype auto, and half the context or the requests.",
        )
    return None


def _tensor_parallel(setup: Setup) -> Finding | None:
    """Heads, KV heads, vocabulary and inner width must split evenly."""
    size = setup.tensor_parallel
    if size == 1 or setup.engine.name not in _TENSOR_ENGINES:
        return None
    problem = uneven_split(setup.model, size)
    if problem is None:
        return None
    fitting = [n for n in range(1, MOST_GPUS + 1) if uneven_split(setup.model, n) is None]
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


def _quantization_groups(setup: Setup) -> Finding | None:
    """Each rank's rows must be whole groups of the quantization."""
    tables = load()
    group = tables.group_size.get(setup.quantization.name)
    size, inner = setup.tensor_parallel, _inner_width(setup.model)
    if group is None or size == 1 or setup.engine.name not in _TENSOR_ENGINES or inner % size:
        return None
    if inner % group or (inner // size) % group == 0:
        return None  # A checkpoint whose own width is no multiple is stored padded, or in smaller groups.
    fitting = max(
        n for n in range(1, size) if inner % (n * group) == 0 and uneven_split(setup.model, n) is None
    )
    strict = setup.quantization.name == "fp8-block"
    return Finding(
        "refusal" if strict else "warning",
        "quantization-groups",
        f"{setup.quantization.name} has groups of {group}: {inner} / {size} = {inner // size} is no multiple."
        + ("" if strict else " The checkpoint must be one that was padded for it."),
        f"Use tensorParallel {fitting}, or another quantization.",
    )


def _pipeline_parallel(setup: Setup) -> Finding | None:
    size = setup.pipeline_parallel
    if size == 1:
        return None
    if setup.engine.name == "tgi":
        hint = f"Use tensorParallel {setup.tensor_parallel * size}, or engine vllm."
        return Finding("refusal", "pipeline-engine", "TGI has no pipeline parallelism.", hint)
    if size > setup.model.layers:
        return Finding(
            "refusal",
            "pipeline-layers",
            f"{setup.model.layers} layers cannot be spread over {size} stages.",
            f"Use pipelineParallel {setup.model.layers} at most.",
        )
    return None


def _slices(setup: Setup) -> Finding | None:
    if setup.gpu.slice_of is None or setup.tensor_parallel * setup.pipeline_parallel == 1:
        return None
    return Finding(
        "refusal",
        "mig-parallel",
        f"{setup.gpu.name} is a slice of a GPU: slices have no link to each other, and NCCL does not join them.",
        f"Use one slice, a larger one, or the whole {setup.gpu.slice_of}.",
    )


def _context(setup: Setup) -> Finding | None:
    limit = setup.model.max_positions
    if setup.context <= limit:
        return None
    return Finding(
        "refusal",
        "context-positions",
        f"{setup.model.name} has {limit} positions; {setup.context} tokens of context were asked for.",
        f"Use context {limit}, or a model with a longer one.",
    )


def _checkpoint(setup: Setup) -> Finding | None:
    tables = load()
    declared, asked = setup.model.checkpoint_quantization, setup.quantization
    if declared is None or declared == asked.name or declared in asked.aliases or asked.compute == "gguf":
        return None
    if any({declared, asked.name} <= names for names in tables.same_checkpoint):
        return None
    return Finding(
        "refusal",
        "checkpoint-quantization",
        f"The checkpoint {setup.model.name} is {declared} already; {asked.name} was asked for.",
        f"Use quantization {declared}, or name a checkpoint in {asked.name}.",
    )


def _bitsandbytes(setup: Setup) -> Finding | None:
    if setup.engine.name != "vllm" or setup.tensor_parallel == 1:
        return None
    if setup.quantization.name not in ("int8", "bnb-nf4", "bnb-nf4-dq"):
        return None
    return Finding(
        "warning",
        "bitsandbytes-parallel",
        "bitsandbytes with tensor parallelism quantizes after loading: every rank reads the 16-bit checkpoint, and "
        "8-bit checkpoints that are quantized already do not split.",
        "AWQ or GPTQ split without that.",
    )


def _fp8_experts(setup: Setup) -> Finding | None:
    if setup.quantization.name != "fp8-marlin" or setup.model.moe is None:
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


def _assumed(setup: Setup) -> Finding | None:
    """Engines whose memory nobody measured here."""
    if setup.engine.name not in _ASSUMED:
        return None
    reason, hint = _ASSUMED[setup.engine.name]
    return Finding("warning", f"{setup.engine.name}-assumed", reason, hint)


Rule = Callable[[Setup], Finding | None]
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
