"""Support rules about number formats: dtype, quantization of the checkpoint, dtype of the KV cache."""

from __future__ import annotations

from signalbox.capacity.spec import BF16_CAPABILITY, FP8_CAPABILITY, TENSOR_ENGINES, Spec
from signalbox.capacity.support.backends import attention_backend
from signalbox.capacity.support.matrix import Finding, Support


def bfloat16(spec: Spec, tables: Support) -> Finding | None:
    if spec.engine.name not in TENSOR_ENGINES or spec.dtype != "bfloat16" or spec.gpu.has_bfloat16:
        return None
    hint = "Use dtype float16 (--dtype half)."
    if spec.model.family in tables.not_in_float16 and spec.engine.name == "vllm":
        hint = "This model does not run in float16 either: use dtype float32, or engine llamacpp."
    return Finding(
        "unsupported",
        "bf16-capability",
        f"bfloat16 requires compute capability {BF16_CAPABILITY} (Ampere or newer); {spec.gpu.product} has "
        f"{spec.gpu.compute_capability:.1f}.",
        hint,
    )


def float16(spec: Spec, tables: Support) -> Finding | None:
    if spec.engine.name != "vllm" or spec.dtype != "float16":
        return None
    if spec.model.family not in tables.not_in_float16:
        return None
    other = "Use dtype float32, or engine llamacpp with a GGUF quantization."
    return Finding(
        "unsupported",
        "float16-unstable",
        f"vLLM does not run {spec.model.family} in float16: its activations overflow.",
        "Use dtype bfloat16." if spec.gpu.has_bfloat16 else other,
    )


def half_precision_kernels(spec: Spec, _: Support) -> Finding | None:
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


def cache_dtype(spec: Spec, tables: Support) -> Finding | None:
    dtype, engine = spec.kv_dtype, spec.engine.name
    supported = tables.kv_dtypes[engine]
    unknown = [part for part in dtype.split("/") if part not in supported]
    if unknown or ("/" in dtype and engine not in ("llamacpp", "ollama")):
        return Finding(
            "unsupported",
            "kv-dtype-engine",
            f"{spec.engine.title} has no KV cache of type {dtype}.",
            f"Use kv dtype {', '.join(supported)}.",
        )
    capability = spec.gpu.compute_capability
    if engine in TENSOR_ENGINES and "fp8" in dtype and capability < FP8_CAPABILITY:
        return _cache_on_old_gpus(spec)
    return None


def _cache_on_old_gpus(spec: Spec) -> Finding | None:
    """FP8 caches below Ada: vLLM has them on Ampere, by FlashInfer or as e5m2 (backends.py)."""
    if attention_backend(spec):
        return None
    capability, product = spec.gpu.compute_capability, spec.gpu.product
    reason = f"An FP8 KV cache requires compute capability {FP8_CAPABILITY} (Ada or newer); {product} has {capability:.1f}."
    hint = "Use kv dtype auto, and half the context or the requests."
    if spec.engine.name == "vllm" and capability >= BF16_CAPABILITY:
        reason = f"On {product} ({capability:.1f}) FlashInfer has no FP8 KV cache for heads of {spec.model.head_dim}."
        hint = "Use kv dtype fp8_e5m2 or auto."
    return Finding("unsupported", "kv-fp8-capability", reason, hint)


def checkpoint(spec: Spec, tables: Support) -> Finding | None:
    """A checkpoint that is quantized already has no other quantization."""
    own, target = spec.model.checkpoint_quantization, spec.quantization
    if own is None or own == target.name or own in target.aliases or target.compute == "gguf":
        return None
    if any({own, target.name} <= names for names in tables.same_checkpoint):
        return None
    return Finding(
        "unsupported",
        "checkpoint-quantization",
        f"The checkpoint {spec.model.name} is quantized in {own}, not in {target.name}.",
        f"Use quantization {own}, or specify a checkpoint in {target.name}.",
    )


def fp8_experts(spec: Spec, _: Support) -> Finding | None:
    if spec.quantization.name != "fp8-marlin" or spec.model.moe is None:
        return None
    return Finding(
        "warning",
        "fp8-experts-ampere",
        "Experts in weight-only FP8 were unsupported on Ampere until recently, and are less tested than dense layers.",
        "Prefer quantization awq-int4 or gptq-int4 for mixtures of experts.",
    )
