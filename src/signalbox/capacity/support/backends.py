"""The attention backend that a configuration needs, where the engine's own choice would not start."""

from __future__ import annotations

from signalbox.capacity.spec import BF16_CAPABILITY, FP8_CAPABILITY, Spec

# vllm-project/vllm docs/design/attention_backends.md: FLASHINFER, native, has FP8 caches and these head sizes.
_FLASHINFER_HEADS = (64, 128, 256)
_FLASHINFER, _TRITON = "FLASHINFER", "TRITON_ATTN"
_SINKS = "gpt_oss"


def attention_backend(spec: Spec) -> str:
    """The backend to name to vLLM; "" where its own choice runs.

    FlashAttention 2 has no FP8 cache. On Ampere FlashInfer has both types, and Triton has e5m2, which it converts
    without hardware for FP8.
    """
    if spec.engine.name != "vllm" or not spec.kv_dtype.startswith("fp8") or "token_head" in spec.kv_dtype:
        return ""
    if not BF16_CAPABILITY <= spec.gpu.compute_capability < FP8_CAPABILITY:
        return ""
    if _has_flashinfer(spec):
        return _FLASHINFER
    return _TRITON if spec.kv_dtype == "fp8_e5m2" and not _is_latent(spec) else ""


def _has_flashinfer(spec: Spec) -> bool:
    model = spec.model
    return model.head_dim in _FLASHINFER_HEADS and model.family != _SINKS and not _is_latent(spec)


def _is_latent(spec: Spec) -> bool:
    return any(group.kind == "mla" for group in spec.model.kv_groups)
