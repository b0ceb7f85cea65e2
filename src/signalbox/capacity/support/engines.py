"""Support rules about engines and architectures: attention kernels, image platforms, context, planned memory."""

from __future__ import annotations

from signalbox.capacity.memory import tgi
from signalbox.capacity.spec import BF16_CAPABILITY, TENSOR_ENGINES, Spec
from signalbox.capacity.support.matrix import Finding, Support

_SINK_FAMILY = "gpt_oss"


def attention_sinks(spec: Spec, _: Support) -> Finding | None:
    """gpt-oss has attention sinks, which no backend for Turing and older supports, whatever the quantization."""
    if spec.model.family != _SINK_FAMILY or spec.engine.name not in TENSOR_ENGINES:
        return None
    if spec.gpu.has_bfloat16 or spec.quantization.name == "mxfp4":
        return None
    return Finding(
        "unsupported",
        "gpt-oss-capability",
        f"gpt-oss requires compute capability {BF16_CAPABILITY} (attention with sinks); {spec.gpu.product} has "
        f"{spec.gpu.compute_capability:.1f}.",
        "Use engine llamacpp with quantization gguf-mxfp4.",
    )


def windows_on_turing(spec: Spec, _: Support) -> Finding | None:
    """TGI's attention below 8.0 is FlashAttention 1."""
    model = spec.model
    if spec.engine.name != "tgi" or spec.gpu.has_bfloat16:
        return None
    sliding = any(group.kind in ("sliding", "chunked") for group in model.kv_groups)
    if not (sliding or model.softcap):
        return None
    feature = "soft-capped attention" if model.softcap else "a sliding window"
    return Finding(
        "unsupported",
        "tgi-attention-turing",
        f"{model.name} has {feature}, which TGI's FlashAttention 1 on {spec.gpu.product} does not support.",
        "Use engine vllm or llamacpp.",
    )


def arm(spec: Spec, _: Support) -> Finding | None:
    if spec.engine.name not in ("tgi", "nim") or not spec.gpu.arm64:
        return None
    host = f"{spec.gpu.product} has an Arm CPU as its host"
    if spec.engine.name == "tgi":
        hint = "Use engine vllm: its images exist for arm64."
        return Finding("unsupported", "arm64-image", f"{host}; TGI images are amd64 only.", hint)
    hint = "Check the image's platforms first."
    return Finding("warning", "arm64-image", f"{host}; some NIM images are amd64 only.", hint)


def context(spec: Spec, _: Support) -> Finding | None:
    limit = spec.model.max_positions
    if spec.context <= limit:
        return None
    return Finding(
        "unsupported",
        "context-positions",
        f"{spec.model.name} has {limit} positions; the context of {spec.context} tokens is longer.",
        f"Use context {limit}, or a model with a longer one.",
    )


def tgi_prefill(spec: Spec, _: Support) -> Finding | None:
    """TGI rejects prompts above max_batch_prefill_tokens, unless its attention prefills in chunks."""
    if spec.engine.name != "tgi":
        return None
    limit, prompt = tgi.prefill_tokens(spec), spec.context - 1
    if prompt <= limit:
        return None
    if not spec.gpu.has_bfloat16:
        return Finding(
            "unsupported",
            "tgi-prefill",
            f"TGI prefills without chunks on {spec.gpu.product}: max_batch_prefill_tokens {limit} is below the longest "
            f"prompt of {prompt} tokens.",
            f"Use batched tokens {prompt} or more, or context {limit + 1}.",
        )
    return Finding(
        "warning",
        "tgi-prefill",
        f"Prompts of up to {prompt} tokens exceed max_batch_prefill_tokens, {limit}: TGI 3 prefills them in chunks, "
        "older versions reject them at the start.",
        f"For TGI 2 use batched tokens {prompt}.",
    )


_ASSUMPTIONS = {
    "tgi": (
        "TGI is archived since 2026-03-21; its memory is derived from its source, not measured.",
        "Use engine vllm. For TGI, build an image that starts without root, and leave a tenth of the GPU free.",
    ),
    "sglang": (
        "SGLang's memory is derived from its source, not measured; it does not check the part outside its static memory.",
        "Read `max_total_num_tokens` in its log, and lower the memory utilization if it runs out of memory under load.",
    ),
    "nim": (
        "NIM is planned as vLLM, which its generic profiles run; a TensorRT-LLM profile has its own engine and buffers.",
        "List the profiles of the image that fit: list-model-profiles.",
    ),
}


def assumed_memory(spec: Spec, _: Support) -> Finding | None:
    """Engines whose memory was not measured."""
    if spec.engine.name not in _ASSUMPTIONS:
        return None
    reason, hint = _ASSUMPTIONS[spec.engine.name]
    return Finding("warning", f"{spec.engine.name}-assumed", reason, hint)
