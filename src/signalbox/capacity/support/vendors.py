"""GPUs that the support rules do not cover: the memory is planned, and the plan says so."""

from __future__ import annotations

from signalbox.capacity.spec import EngineName, Spec, Vendor
from signalbox.capacity.support.matrix import Finding, Support

# Engines that have a release for a vendor's devices: docs.vllm.ai installation (ROCm, Intel Gaudi by a plugin, Intel XPU, CPU,
# Apple silicon on the CPU), docs.sglang.io platforms (AMD, CPU, XPU), TGI's installation pages (AMD, Gaudi, Intel),
# llama.cpp docs/build.md (HIP, Vulkan, SYCL, Metal, CPU), Ollama docs/gpu.md (AMD, Metal, CPU).
_RELEASES: dict[Vendor, tuple[EngineName, ...]] = {
    "amd": ("vllm", "sglang", "tgi", "llamacpp", "ollama"),
    "intel": ("vllm", "sglang", "tgi", "llamacpp"),
    "apple": ("llamacpp", "ollama", "vllm"),
    "cpu": ("llamacpp", "ollama", "vllm"),
}


def uncovered(spec: Spec, _: Support) -> Finding | None:
    """A device that has no rules: unsupported where the engine has no release for it, memory only otherwise."""
    gpu, engine = spec.gpu, spec.engine
    if gpu.has_rules:
        return None
    releases = _RELEASES.get(gpu.vendor)
    if releases is not None and engine.name not in releases:
        reason = f"{engine.title} has no release for {gpu.product}."
        return Finding("unsupported", "vendor", reason, f"Use engine {releases[0]}.")
    reason = f"memory only: no rule covers {engine.title} on {gpu.product}"
    hint = (
        "state --capability to check kernels and dtypes"
        if gpu.vendor == "nvidia"
        else "kernels, dtypes and quantizations are unchecked; the engine's overhead is that of CUDA"
    )
    return Finding("warning", "memory-only", reason, hint)
