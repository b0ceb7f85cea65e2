"""The planner's input: a model on a GPU, served by an engine, with its limits.

Everything here is data without I/O. Units are in the names: GiB is 2**30 bytes, GB/s is 10**9 bytes per second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from signalbox.capacity.gpu_names import product
from signalbox.capacity.serving import PLAIN, Serving
from signalbox.capacity.units import GIB, round_up

CacheKind = Literal["full", "sliding", "chunked", "mla", "state"]
Vendor = Literal["nvidia", "amd", "intel", "apple", "cpu"]
EngineName = Literal["vllm", "sglang", "tgi", "llamacpp", "ollama", "nim"]

ENGINE_TITLES: dict[EngineName, str] = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "tgi": "TGI",
    "llamacpp": "llama.cpp",
    "ollama": "Ollama",
    "nim": "NIM",
}
# Engines that split heads over GPUs; the others give each GPU whole layers.
TENSOR_ENGINES: tuple[EngineName, ...] = ("vllm", "sglang", "tgi", "nim")

BF16_CAPABILITY = 8.0  # Ampere, the first generation with bfloat16 (and with FlashAttention 2)
FP8_CAPABILITY = 8.9  # Ada, the first generation with FP8 arithmetic
_LARGE_GPU_MIB = 70 * 1024  # where vLLM draws the line between GPUs with small and with large defaults
_VOCAB_PADDING = 64  # engines pad the rows of embedding and head to a multiple of this


@dataclass(frozen=True)
class Gpu:
    """One GPU, or one MIG slice of it. `total_gib` is what CUDA reports: the base of every budget.

    It is less than `nvidia_smi_mib` and far less than the nominal size. TFLOPS are None where the GPU does not
    support the format. `name` is the catalogue's lower-case id, `products` the values of a node's product label.
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
    vendor: Vendor = "nvidia"
    tabled: bool = True  # part of the tables and of proposals; others are planned when they are named

    @property
    def has_rules(self) -> bool:
        """Whether the support rules cover it: they are by NVIDIA's compute capability, 0 where that is unknown."""
        return self.vendor == "nvidia" and self.compute_capability > 0

    @property
    def product(self) -> str:
        """The name as NVIDIA writes it, for messages."""
        return product(self.name)

    @property
    def total_bytes(self) -> int:
        return int(self.total_gib * GIB)

    @property
    def has_bfloat16(self) -> bool:
        return self.compute_capability >= BF16_CAPABILITY or not self.has_rules

    @property
    def is_large(self) -> bool:
        """70 GiB and more, as nvidia-smi counts."""
        return self.nvidia_smi_mib >= _LARGE_GPU_MIB


@dataclass(frozen=True)
class KvGroup:
    """Layers with the same kind of cache.

    `full`: every token. `sliding`: the last `window` tokens. `chunked`: the tokens of the current chunk of
    `window`. `mla`: one latent of `key_dim` numbers per token, shared by all heads and ranks (`value_dim` 0).
    `state`: `state_bytes` per sequence of any length.
    """

    kind: CacheKind
    layers: int
    kv_heads: int
    key_dim: int
    value_dim: int
    window: int | None = None
    state_bytes: int = 0
    index_bytes: int = 0  # of a token in a layer, for the indexer of sparse attention


@dataclass(frozen=True)
class Parameters:
    """Parameter counts, grouped by what quantization does to the tensors."""

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
    lookup: int = 0  # embeddings for each layer: 16 bit, split by ranks, read by rows

    @property
    def total(self) -> int:
        counts = (self.embedding, self.head, self.linear, self.experts, self.other, self.vision, self.lookup)
        return sum(counts)


@dataclass(frozen=True)
class Stored:
    """Bits per weight as the headers of a quantized checkpoint state them, scales included; None: it has no such tensor."""

    quantization: str
    embedding_bits: float | None
    head_bits: float | None
    linear_bits: float | None
    expert_bits: float | None
    other_bits: float | None
    vision_bits: float | None
    source: str


@dataclass(frozen=True)
class Moe:
    """Mixture of experts: `topk` of `experts` routed ones answer a token, `shared` always do."""

    experts: int
    topk: int
    intermediate: int
    shared: int = 0


@dataclass(frozen=True)
class Vision:
    """A vision encoder, as an engine profiles it: `image_tokens` of the largest image, of `merge` patches each.

    `inputs` are the numbers of a patch that are alive in all layers: pixels, rotary and learned positions.
    `attention` and `feed_forward` count the tensors that ranks share at the peak of a layer, of the hidden and of the
    inner size. `deep_features`: layers whose features an output has in addition. A video counts as `video_images` of the
    largest images at most, 0 as no more than one.
    """

    hidden: int
    intermediate: int
    patch: int
    merge: int
    image_tokens: int
    inputs: int
    attention: int
    feed_forward: int
    deep_features: int = 0
    video_images: int = 0

    def tokens(self, pixels: int | None) -> int:
        """Tokens of the largest image, if images have at most so many pixels."""
        if pixels is None:
            return self.image_tokens
        return min(self.image_tokens, max(1, pixels // (self.patch**2 * self.merge)))


@dataclass(frozen=True)
class Architecture:
    """The properties of a model that decide its memory; `models.architecture.from_config` reads them."""

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
    gated: bool = True  # feed-forward layers have a gate projection in addition to the up projection
    expanded: int = 0  # latent attention: width of the keys and values of all heads that a latent expands to
    vision: Vision | None = None  # None: no encoder, or one whose largest image is not known
    stored_bits: float | None = (
        None  # of a linear weight in the files, where groups differ from the catalogue's
    )
    guessed: bool = False  # the family is unknown: counted as a plain decoder, without a measurement
    assumptions: tuple[str, ...] = ()  # each a sentence that a plan shows as a note
    stored: Stored | None = None  # None: 16 bits, or the catalogue's shape without the headers

    @property
    def multimodal(self) -> bool:
        return self.parameters.vision > 0

    @property
    def padded_vocab(self) -> int:
        """Rows of embedding and head as engines load them."""
        return round_up(self.vocab, _VOCAB_PADDING)

    @property
    def active_parameters(self) -> int:
        """Parameters that one token passes: all but the experts that the router does not select, and the lookups."""
        passed = self.parameters.total - self.parameters.lookup
        if self.moe is None:
            return passed
        return passed - round(self.parameters.experts * (1 - self.moe.topk / self.moe.experts))


@dataclass(frozen=True)
class Quantization:
    """Bits per weight by kind of tensor, scales included. None: the tensor keeps the checkpoint's 16 bits.

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
    compute: str  # the kernel family: 16bit, fp8, int8, weight-only, …
    source: str


@dataclass(frozen=True)
class EngineVersion:
    """An engine at a version; `regime` selects the measured constants that belong to it."""

    name: EngineName
    version: str
    regime: str
    memory_utilization: float  # its default

    @property
    def title(self) -> str:
        """The name as its project writes it, for messages."""
        return ENGINE_TITLES[self.name]


@dataclass(frozen=True)
class Correction:
    """Differences between a measured boot and the prediction on a cluster, in bytes per rank, to be added."""

    cluster: str
    weights_bytes: int = 0
    activation_bytes: int = 0
    graphs_bytes: int = 0
    non_torch_bytes: int = 0


@dataclass(frozen=True)
class Draft:
    """The model that proposes tokens in speculative decoding, with its own quantization."""

    model: Architecture
    quantization: Quantization


@dataclass(frozen=True)
class Spec:
    """One configuration to plan. None: the engine's default on this GPU."""

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
    warm_cache: bool = False  # vLLM's compile cache is filled: a cold start needs more memory
    runner: Literal["v1", "v2"] | None = None  # VLLM_USE_V2_MODEL_RUNNER; None: the engine's choice
    images: int | None = None  # most images in a prompt; 0 leaves the vision tower out
    image_pixels: int | None = None  # of the largest image; None: the processor's maximum
    prefix_caching: bool | None = None  # None: the engine's default
    correction: Correction | None = None
    serving: Serving = PLAIN
    draft: Draft | None = None

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.tensor_parallel * self.pipeline_parallel * self.serving.data_parallel
