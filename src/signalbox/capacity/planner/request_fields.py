"""The fields of a request about kinds of serving other than plain text generation."""

from __future__ import annotations

from pydantic import Field

from signalbox.contracts.record import Contract


class KindFields(Contract):
    """Adapters, speculation, pooling, offloading, data and expert parallelism; the defaults are a plain server."""

    lora_adapters: int | None = Field(default=None, description="Slots for LoRA adapters.")
    lora_rank: int | None = Field(default=None, description="Largest rank of the adapters; 16 by default.")
    speculative: str | None = Field(default=None, description="draft:MODEL, mtp or ngram.")
    speculative_tokens: int | None = Field(default=None, description="Tokens that are proposed per step.")
    pooling: bool = Field(default=False, description="Serve embeddings or classes instead of text.")
    cpu_offload: float | None = Field(
        default=None, description="GiB of weights per GPU in the host's memory."
    )
    gpu_layers: str | None = Field(
        default=None, description="Layers of llama.cpp on GPUs; auto for those that fit."
    )
    data_parallel: int = Field(default=1, description="Data-parallel ranks, which share the experts.")
    expert_parallel: bool = Field(default=False, description="Whole experts on each GPU instead of parts.")
