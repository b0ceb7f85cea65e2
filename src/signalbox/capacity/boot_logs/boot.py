"""The values of a boot log: the engine's own numbers of one start, as the parsers in `parse.py` return them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MeasuredBoot:
    """One boot, as logged. None: not in the log. Bytes and tokens are those of one rank (one GPU).

    `activation_bytes` excludes CUDA graphs. `graphs_bytes` is the size of the captured graphs,
    `graphs_estimate_bytes` what vLLM ≥ 0.21 reserved for them. `consumed_bytes` is weights and non-torch
    memory together. Where ranks differ, the values are the largest use and the smallest cache, and `notes` has the range.
    """

    engine: Literal["vllm", "llamacpp"]
    version: str | None = None
    model: str | None = None
    gpu: str | None = None
    dtype: str | None = None
    quantization: str | None = None
    kv_dtype: str | None = None
    context: int | None = None
    concurrency: int | None = None
    batched_tokens: int | None = None
    tensor_parallel: int | None = None  # for llama.cpp: the GPUs that share the layers
    pipeline_parallel: int | None = None
    memory_utilization: float | None = None
    eager: bool | None = None
    unified: bool | None = None  # llama.cpp: all slots share one cache
    cold: bool | None = None  # the compile cache was empty, so compilation's memory is counted too
    total_bytes: int | None = None
    weights_bytes: int | None = None
    activation_bytes: int | None = None
    non_torch_bytes: int | None = None
    consumed_bytes: int | None = None
    graphs_bytes: int | None = None
    graphs_estimate_bytes: int | None = None
    on_gpu: bool = True
    kv_bytes: int | None = None
    kv_is_option: bool = False  # the cache's size was an option, not the rest of the budget
    kv_tokens: int | None = None
    max_concurrency: float | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()
