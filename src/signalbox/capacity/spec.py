"""The question that the planner answers: which model, on which GPU, by which engine, with which limits.

Everything here is data without I/O. Units stand in the names; GiB is 2**30 bytes, GB/s is 10**9 bytes a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GIB = 2**30
CacheKind = Literal["full", "sliding", "chunked", "mla", "state"]
EngineName = Literal["vllm", "tgi", "llamacpp", "ollama", "nim"]


@dataclass(frozen=True)
class Gpu:
    """One GPU, or one MIG slice of it. `total_gib` is what CUDA shows: the base of every budget.

    It is less than `nvidia_smi_mib` and far less than the nominal size. None: the GPU lacks the format.
    """

    name: str
    aliases: tuple[str, ...]
    nominal_gb: float
    nvidia_smi_mib: int
    total_gib: float
    total_is_estimated: bool
    bandwidth_gbps: float
    fp16_tflops: float | None
    bf16_tflops: float | None
    fp8_tflops: float | None
    fp4_tflops: float | None
    compute_capability: float
    tdp_watts: float | None
    nvlink_gbps: float
    products: tuple[str, ...]
    arm64: bool
    slice_of: str | None
    source: str

    @property
    def total_bytes(self) -> int:
        """What CUDA shows, in bytes."""
        return int(self.total_gib * GIB)


@dataclass(frozen=True)
class KvGroup:
    """Layers that keep the same kind of cache.

    `full`: every token. `sliding`: the last `window` tokens. `chunked`: the tokens of the current chunk of
    `window`. `mla`: one latent of `key_dim` numbers a token, shared by all heads and ranks (`value_dim` 0).
    `state`: `state_bytes` a sequence, whatever its length.
    """

    kind: CacheKind
    layers: int
    kv_heads: int
    key_dim: int
    value_dim: int
    window: int | None = None
    state_bytes: int = 0


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters, by what quantization does to them."""

    embedding: int
    head: int  # 0 where the head is the embedding
    linear: int  # attention, dense MLP and shared experts: quantized
    experts: int  # routed experts: quantized, and the only part that MXFP4 covers
    other: int  # norms, biases, routers, convolutions: 16 bit always
    vision: int  # towers and projectors: 16 bit
    replicated: int = 0  # the part of `linear` that every tensor-parallel rank holds whole (latent attention)
    key_value: int = 0  # the part of `linear` that projects keys and values: split by KV heads only
    absorbed: int = 0  # latent attention keeps these weights a second time, in 16 bit, split by heads
    plain: int = 0  # the part of `linear` that quantized checkpoints leave in 16 bit
    rope: int = 0  # numbers of the table of rotary positions, held by every rank

    @property
    def total(self) -> int:
        """All of them."""
        return self.embedding + self.head + self.linear + self.experts + self.other + self.vision


@dataclass(frozen=True)
class Moe:
    """Mixture of experts: `topk` of `experts` routed ones answer a token, `shared` always do."""

    experts: int
    topk: int
    intermediate: int
    shared: int = 0


@dataclass(frozen=True)
class Architecture:
    """What memory needs to know of a model; `architecture.from_config` reads it from a config.json."""

    name: str
    family: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    max_positions: int
    tied: bool
    moe: Moe | None
    kv_groups: tuple[KvGroup, ...]
    parameters: Parameters
    dtype: str
    softcap: bool
    checkpoint_quantization: str | None
    gated: bool = True  # feed-forward layers have a gate beside the up projection
    expanded: int = 0  # latent attention: width of the keys and values of all heads that a latent expands to
    uncertainty: float = 0.0  # of the parameter count, as a share; above 0 only where the family is unknown
    assumptions: tuple[str, ...] = ()  # what was assumed for lack of knowledge, for a person to read

    @property
    def multimodal(self) -> bool:
        """Whether it carries a vision tower."""
        return self.parameters.vision > 0

    @property
    def active_parameters(self) -> int:
        """Parameters that one token passes: all but the experts that are not chosen."""
        if self.moe is None:
            return self.parameters.total
        idle = self.parameters.experts * (1 - self.moe.topk / self.moe.experts)
        return self.parameters.total - round(idle)


@dataclass(frozen=True)
class Quantization:
    """Bits a weight by kind of tensor, scales included. `None` for what keeps the 16 bits of the checkpoint.

    `head_copy`: a tied head is stored a second time (FP8 checkpoints of models with tied embeddings).
    """

    name: str
    aliases: tuple[str, ...]
    linear_bits: float | None
    expert_bits: float | None
    embedding_bits: float | None
    head_bits: float | None
    head_copy: bool
    engines: tuple[EngineName, ...]
    compute: str  # the kernel family, as support.py's table names it: 16bit, fp8, int8, weight-only, …
    source: str


@dataclass(frozen=True)
class EngineVersion:
    """An engine at a version; `regime` selects the measured constants that belong to it."""

    name: EngineName
    version: str
    regime: str
    memory_utilization: float  # its default


@dataclass(frozen=True)
class Correction:
    """What a real boot taught about a cluster: added to the predicted term, in bytes a rank."""

    cluster: str
    weights_bytes: int = 0
    activation_bytes: int = 0
    graphs_bytes: int = 0
    non_torch_bytes: int = 0


@dataclass(frozen=True)
class Spec:
    """One combination to be judged. None: the engine's default on this GPU."""

    model: Architecture
    gpu: Gpu
    engine: EngineVersion
    quantization: Quantization
    dtype: str
    context: int
    kv_dtype: str = "auto"
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    concurrency: int | None = None
    batched_tokens: int | None = None
    memory_utilization: float | None = None
    eager: bool = False
    warm_cache: bool = False  # vLLM's compile cache is filled: a first start takes more
    runner: Literal["v1", "v2"] | None = None  # VLLM_USE_V2_MODEL_RUNNER; None: the engine's choice
    correction: Correction | None = None
