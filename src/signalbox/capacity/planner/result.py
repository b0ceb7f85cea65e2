"""The planner's answer as it is printed and published: `signalbox plan --json`, docs/reference/plan.schema.json.

Memory is per GPU (one rank), in GiB of 2**30 bytes, unless a field's name says otherwise. GPUs have their catalogue
ids (`l4`, `h100-nvl`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from signalbox.capacity.speed.throughput import Interval
from signalbox.contracts.record import Contract

Outcome = Literal["fits", "does not fit", "unsupported"]


class Remark(Contract):
    """A rule that applies to the configuration: a violation, or a warning."""

    rule: str = Field(description="Stable id of the rule.")
    reason: str
    hint: str


class Part(Contract):
    """One term of the memory budget."""

    name: str
    gib: float
    formula: str = Field(description="The formula with its numbers filled in.")
    source: str = Field(description="Where the formula and its constants come from.")


class Combination(Contract):
    """Whether the cache fits that many concurrent requests of that many tokens each."""

    context: int = Field(description="Tokens per request, prompt and answer.")
    concurrency: int = Field(description="Concurrent requests, set as the engine's limit.")
    fits: bool


class Alternative(Contract):
    """A change after which the model fits."""

    change: str = Field(examples=["quantization fp8"])
    engine: str
    gpu: str
    gpus: int
    quantization: str
    dtype: str
    context: int
    concurrency: int | None
    tensor_parallel: int
    memory_utilization: float | None
    eager: bool
    kv_dtype: str
    max_concurrency: float


class Workload(Contract):
    """What a typical request looks like."""

    input_tokens: int
    output_tokens: int
    source: str = Field(description="The task and how its tokens were counted, or the default.")


class Speed(Contract):
    """Expected speed of all GPUs together."""

    requests: int = Field(description="Concurrent requests that the figures are for.")
    output_tokens_per_second: Interval = Field(description="All requests together.")
    request_tokens_per_second: Interval = Field(description="One of them.")
    first_token_seconds: Interval
    basis: str
    source: str


class Costs(Contract):
    """Energy and money for 1,000 output tokens, the prompts included; None where unknown."""

    wh_per_1k_tokens: Interval | None = Field(description="Watt hours of the GPUs.")
    electricity_per_1k_tokens: Interval | None = Field(
        description="Cost of electricity, server and cooling included."
    )
    rent_per_1k_tokens: Interval | None = Field(
        description="Cost of renting the GPUs, when they are never idle."
    )
    currency: str | None
    gpu_hour_price: float | None = Field(description="Price of one GPU per hour.")
    source: str


class Plan(Contract):
    """The answer for one configuration."""

    model: str
    gpu: str
    gpus: int = Field(description="GPUs that one replica needs.")
    gpus_left: int = Field(description="GPUs of the request that stay free for further replicas.")
    engine: str
    engine_version: str
    regime: str = Field(description="Which measured constants were used.")
    quantization: str
    dtype: str
    kv_dtype: str
    context: int
    concurrency: int | None = Field(description="Limit of concurrent requests; None is the engine's default.")
    batched_tokens: int | None
    tensor_parallel: int
    pipeline_parallel: int
    nodes: int = Field(description="Nodes of one replica: stages go across them, ranks of a stage do not.")
    memory_utilization: float
    eager: bool
    images: int | None = Field(description="Most images in a prompt; None is the engine's default.")
    image_pixels: int | None = Field(description="Pixels of the largest image; None is the processor's.")

    lora_adapters: int = Field(default=0, description="Slots for LoRA adapters.")
    lora_rank: int = Field(default=0, description="Largest rank of the adapters; 0 without slots.")
    pooling: bool = Field(default=False, description="Embeddings or classes are served instead of text.")
    cpu_offload_gib: float = Field(
        default=0.0, description="Weights per GPU that vLLM keeps in the host's memory."
    )
    data_parallel: int = Field(
        default=1, description="Ranks that share the experts; figures of the cache are of one of them."
    )
    expert_parallel: bool = Field(default=False, description="Each GPU has whole experts.")
    shares_gpu_with: str = Field(default="", description="Model of another server on the same GPU.")
    speculative: str = Field(default="", description="vLLM's configuration of speculative decoding, as JSON.")
    gpu_layers: int | None = Field(
        default=None, description="Layers of llama.cpp on GPUs; None if all of them are."
    )

    checkpoint: str = Field(
        description="What is served: a repository, a path, an Ollama tag or a NIM; empty where none is known."
    )
    checkpoint_file: str = Field(description="GGUF file of the repository; empty if the type names it.")
    checkpoint_stored: bool = Field(description="The files are in this quantization already.")
    checkpoint_gib: float = Field(description="Size of the files.")
    request_limit: int = Field(description="Concurrent requests that the engine is started with.")
    shared_cache: bool = Field(description="llama.cpp: whether all slots share one cache of the context.")
    cache_dtype: str = Field(description="Type of the KV cache as the engine spells it; auto is its default.")
    prefill_tokens: int | None = Field(description="Tokens per engine step that the command sets.")
    attention_backend: str = Field(
        description="Attention backend that the command names; empty is the engine's choice."
    )

    verdict: Outcome
    fits: bool = Field(
        description="The engine starts: no rule is violated, and the cache fits one request of full context."
    )
    reason: str
    alternatives: tuple[Alternative, ...] = Field(
        description="Changes after which the model fits, the smallest first."
    )

    total_gib: float = Field(description="Memory that CUDA reports.")
    usable_gib: float = Field(description="Memory that the engine may use.")
    host_gib: float = Field(
        default=0.0, description="Memory of the host for weights and cache that are not on a GPU."
    )
    weights_gib: float
    activation_gib: float
    graphs_gib: float
    non_torch_gib: float
    reserve_gib: float = Field(description="Memory that the engine does not use.")
    kv_gib: float = Field(
        description="Memory for the KV cache; negative where the GPU is short by that much."
    )
    kv_bytes_per_token: float
    kv_tokens: int
    max_concurrency: float = Field(description="Concurrent requests of the full context that fit.")
    largest_context: int = Field(
        description="Tokens of the largest single request that fits; 0 where none does."
    )
    parts: tuple[Part, ...]
    combinations: tuple[Combination, ...] = Field(description="Empty where a rule is violated.")

    workload: Workload
    speed: Speed | None
    costs: Costs | None
    violations: tuple[Remark, ...] = Field(description="Support rules that rule the configuration out.")
    overruled: tuple[str, ...] = Field(
        description="Ids of support rules without proof that --allow-unproven overruled."
    )
    warnings: tuple[Remark, ...]
    program: tuple[str, ...] = Field(
        description="Command of the engine's image; empty where the image starts it."
    )
    flags: tuple[str, ...] = Field(description="Arguments of the program, one word each.")
    environment: dict[str, str]
    notes: tuple[str, ...] = Field(description="Values that the planner chose and why, and its assumptions.")

    @property
    def nearest(self) -> Alternative | None:
        """The smallest change after which the model fits."""
        return self.alternatives[0] if self.alternatives else None
