"""What is allocated beside weights and cache: peak of a forward pass, CUDA graphs, memory outside torch.

vLLM runs one forward pass of max_num_batched_tokens tokens, then the sampler on max_num_seqs rows, and takes the
peak of both. Either can be the larger: the sampler with many sequences and a large vocabulary, a layer with many
tokens. All sizes are of one rank.
"""

from __future__ import annotations

from dataclasses import dataclass

from signalbox.capacity.kv import BLOCK_TOKENS
from signalbox.capacity.measured import Measured, Regime
from signalbox.capacity.setup import GIB, Setup
from signalbox.capacity.weights import Stage

_LOGIT_BYTES = 4
_HALF = 2
_LARGE_GPU_GIB = 70
_LARGEST_GRAPH = 512
_VOCAB_PADDING = 64
_LATENT_WORKSPACE_TOKENS = 64 * 1024  # mla_attention.py


@dataclass(frozen=True)
class Limits:
    """max_num_seqs and max_num_batched_tokens, as given or as the server sets them."""

    sequences: int
    tokens: int


@dataclass(frozen=True)
class Peak:
    """Bytes at the peak, and the sum in words."""

    bytes: int
    formula: str


def limits(setup: Setup) -> Limits:
    """Defaults of the OpenAI server: larger on GPUs of 70 GiB and more that are no A100 (arg_utils.py)."""
    gpu = setup.gpu
    large = gpu.nvidia_smi_mib / 1024 >= _LARGE_GPU_GIB and not gpu.name.startswith("a100")
    sequences = setup.concurrency or (1024 if large else 256)
    tokens = setup.batched_tokens or (8192 if large else 2048)
    return Limits(min(sequences, tokens), tokens)


def peak(setup: Setup, stage: Stage, measured: Measured) -> Peak:
    """The larger of sampler and layer; a middle pipeline stage has no sampler."""
    regime = measured.regime(setup)
    given = limits(setup)
    layer = _layer(setup, given, measured)
    if not stage.last:
        return layer
    sampler = _sampler(setup, given, regime, measured)
    return max(sampler, layer, key=lambda found: found.bytes)


def _sampler(setup: Setup, given: Limits, regime: Regime, measured: Measured) -> Peak:
    """Copies of the logits; hidden states of all tokens, and of the sampled rows twice, stay alive."""
    model = setup.model
    vocab = -(-model.vocab // _VOCAB_PADDING) * _VOCAB_PADDING
    rows = given.sequences
    logits = regime.logit_copies * rows * vocab * _LOGIT_BYTES
    programs = min(rows, measured.multiprocessors_of(setup.gpu)) if regime.logit_rows else 0
    states = (given.tokens + regime.sampled_states * rows) * model.hidden * _HALF
    experts = _expert_workspace(setup, given) if regime.experts_stay else 0.0
    seen = _encoder_cache(setup, given)
    total = (
        logits + programs * vocab * _LOGIT_BYTES + states + experts + seen + measured.matmul_workspace_bytes
    )
    parts = [
        f"sampler: ({regime.logit_copies} x {rows} + {programs}) x vocabulary {vocab} x 4 B",
        f"({given.tokens} + {regime.sampled_states} x {rows}) x hidden {model.hidden} x 2 B",
        f"matrix workspace {measured.matmul_workspace_bytes / GIB:.3f} GiB",
        *_named(experts, "expert workspace"),
        *_named(seen, "encoder cache"),
    ]
    return Peak(round(total), " + ".join(parts))


def _layer(setup: Setup, given: Limits, measured: Measured) -> Peak:
    """The widest point of a forward pass: the feed-forward part of a layer, or attention that expands latents."""
    model = setup.model
    copies = measured.layer_hidden_copies[0 if setup.eager else 1] + (2 if setup.pipeline_parallel > 1 else 0)
    inner, words = _feed_forward(setup, given)
    if (expanded := _expanded_latents(setup, given)) > inner:
        inner, words = expanded, f"attention: latents expanded to {model.expanded} numbers"
    experts = _expert_workspace(setup, given)
    seen = _encoder_cache(setup, given)
    states = copies * given.tokens * model.hidden * _HALF
    parts = [
        f"{words} {inner / GIB:.3f} GiB",
        f"{copies:g} x {given.tokens} tokens x hidden {model.hidden} x 2 B",
        f"matrix workspace {measured.matmul_workspace_bytes / GIB:.3f} GiB",
        *_named(experts, "expert workspace"),
        *_named(seen, "encoder cache"),
    ]
    return Peak(round(states + inner + experts + seen + measured.matmul_workspace_bytes), " + ".join(parts))


def _feed_forward(setup: Setup, given: Limits) -> tuple[float, str]:
    """Gate, up and their product, of dense layers or shared experts; kernels in 8 bits hold the input again."""
    model, tp = setup.model, setup.tensor_parallel
    width = model.intermediate if model.moe is None else model.moe.shared * model.moe.intermediate
    size = 3 * width / tp * given.tokens * _HALF
    words = f"layer: {given.tokens} tokens x 3 x inner {width} / {tp} x 2 B"
    if setup.quantization.compute in ("fp8", "int8", "int8-mixed"):
        return size + given.tokens * width / tp, f"{words} and the input in 8 bits"
    return size, words


def _expanded_latents(setup: Setup, given: Limits) -> float:
    """Keys and values of the workspace (8 contexts, 4 pages a sequence, at most 64 Ki tokens), and the queries."""
    most = max(8 * setup.context, 4 * given.sequences * BLOCK_TOKENS)
    tokens = min(most, _LATENT_WORKSPACE_TOKENS) + given.tokens
    return tokens * setup.model.expanded / setup.tensor_parallel * _HALF


def _named(size: float, name: str) -> list[str]:
    return [f"{name} {size / GIB:.3f} GiB"] if size else []


def _expert_workspace(setup: Setup, given: Limits) -> float:
    """Two buffers for all chosen experts; kernels for MXFP4 have their own, smaller ones."""
    model = setup.model
    if model.moe is None or setup.quantization.name == "mxfp4":
        return 0.0
    inner = model.moe.intermediate / setup.tensor_parallel
    width = max(inner, model.hidden) + max(2 * inner, model.hidden)
    return given.tokens * model.moe.topk * width * _HALF


def _encoder_cache(setup: Setup, given: Limits) -> float:
    """Outputs of the vision tower for as many tokens as a batch has, held while profiling."""
    return given.tokens * setup.model.hidden * _HALF if setup.model.multimodal else 0.0


def captured_sizes(given: Limits) -> int:
    """Number of batch sizes that are captured: 1, 2, 4, then by 8 up to 256, then by 16 up to 512."""
    largest = min(2 * given.sequences, _LARGEST_GRAPH, given.tokens)
    sizes = [n for n in (1, 2, 4) if n <= largest]
    sizes += range(8, min(largest + 1, 256), 8)
    sizes += range(256, largest + 1, 16)
    return max(1, len(sizes))


def graphs(setup: Setup, stage: Stage, measured: Measured) -> Peak:
    """CUDA graphs of one stage; none in eager mode."""
    if setup.eager:
        return Peak(0, "0: eager mode")
    fit = measured.regime(setup).graphs
    sizes = captured_sizes(limits(setup))
    moe = fit.moe_gib if setup.model.moe is not None else 0.0
    gib = (fit.base_gib + fit.layer_gib * stage.layers + moe) * sizes / fit.sizes
    words = f"({fit.base_gib} + {fit.layer_gib} x {stage.layers} layers"
    words += f" + {moe} for experts) GiB" if moe else ") GiB"
    return Peak(round(gib * GIB), f"{words} x {sizes}/{fit.sizes} sizes")


def non_torch(setup: Setup, measured: Measured, stage: Stage) -> Peak:
    """Libraries' own memory: kernels, and NCCL's buffers when there are several ranks."""
    table = measured.regime(setup).non_torch_gib
    ranks = max((n for n in table if n <= setup.tensor_parallel), default=1)
    size = round(table[ranks] * GIB)
    if setup.pipeline_parallel > 1 and not stage.last and setup.tensor_parallel == 1:
        size = measured.pipeline_non_torch_bytes
    return Peak(size, f"{size / GIB:.2f} GiB with {setup.tensor_parallel} rank(s), measured")
