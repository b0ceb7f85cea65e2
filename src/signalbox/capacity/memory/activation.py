"""What is allocated beside weights and cache: peak of a forward pass, CUDA graphs, memory outside torch.

vLLM runs one forward pass of max_num_batched_tokens tokens, then the sampler on max_num_seqs rows, and takes the
peak of both. Either can be the larger: the sampler with many sequences and a large vocabulary, a layer with many
tokens. All sizes are of one rank.
"""

from __future__ import annotations

from dataclasses import dataclass

from signalbox.capacity.memory.constants import Measured, Regime
from signalbox.capacity.memory.kv_cache import BLOCK_TOKENS
from signalbox.capacity.memory.weights import Stage
from signalbox.capacity.spec import GIB, Spec

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


def limits(spec: Spec) -> Limits:
    """Defaults of the OpenAI server: larger on GPUs of 70 GiB and more that are no A100 (arg_utils.py)."""
    gpu = spec.gpu
    large = gpu.nvidia_smi_mib / 1024 >= _LARGE_GPU_GIB and not gpu.name.startswith("a100")
    sequences = spec.concurrency or (1024 if large else 256)
    tokens = spec.batched_tokens or (8192 if large else 2048)
    return Limits(min(sequences, tokens), tokens)


def peak(spec: Spec, stage: Stage, measured: Measured) -> Peak:
    """The largest of sampler, layer and compilation; only the last pipeline stage has a sampler."""
    regime = measured.regime(spec)
    given = limits(spec)
    found = [_layer(spec, stage, given, measured)]
    if stage.last:
        found.append(_sampler(spec, given, regime, measured))
    if stage.first and not spec.eager and not spec.warm_cache:
        found.append(_compilation(spec, given, regime))
    return max(found, key=lambda one: one.bytes)


def _sampler(spec: Spec, given: Limits, regime: Regime, measured: Measured) -> Peak:
    """Copies of the logits; hidden states of all tokens, and of the sampled rows twice, stay alive."""
    model = spec.model
    vocab = -(-model.vocab // _VOCAB_PADDING) * _VOCAB_PADDING
    rows = given.sequences
    logits = regime.logit_copies * rows * vocab * _LOGIT_BYTES
    programs = min(rows, measured.multiprocessors_of(spec.gpu)) if regime.logit_rows else 0
    states = (given.tokens + regime.sampled_states * rows) * model.hidden * _HALF
    experts = _expert_workspace(spec, given) if regime.experts_stay else 0.0
    seen = _encoder_cache(spec, given)
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


def _layer(spec: Spec, stage: Stage, given: Limits, measured: Measured) -> Peak:
    """The widest point of a forward pass: the feed-forward part of a layer, or its attention."""
    model = spec.model
    copies = measured.layer_hidden_copies + (0 if stage.first else 2)  # what came from the stage before
    inner, words = _feed_forward(spec, given, measured)
    if (attention := _attention(spec, given, measured))[0] > inner:
        inner, words = attention
    experts = _expert_workspace(spec, given)
    seen = _encoder_cache(spec, given)
    states = copies * given.tokens * model.hidden * _HALF
    # Kernels for quantized weights need no cuBLAS workspace; the head, in 16 bit, comes after this peak.
    workspace = measured.matmul_workspace_bytes if spec.quantization.compute == "16bit" else 0
    parts = [
        f"{words} {inner / GIB:.3f} GiB",
        f"{copies:g} x {given.tokens} tokens x hidden {model.hidden} x 2 B",
        *_named(workspace, "matrix workspace"),
        *_named(experts, "expert workspace"),
        *_named(seen, "encoder cache"),
    ]
    return Peak(round(states + inner + experts + seen + workspace), " + ".join(parts))


def _feed_forward(spec: Spec, given: Limits, measured: Measured) -> tuple[float, str]:
    """Gate, up and their product, of dense layers or shared experts; kernels in 8 bits hold the input again."""
    model, tp = spec.model, spec.tensor_parallel
    width = model.intermediate if model.moe is None else model.moe.shared * model.moe.intermediate
    matrices = 3 if model.gated else 2
    size = matrices * width / tp * given.tokens * _HALF
    words = f"layer: {given.tokens} tokens x {matrices} x inner {width} / {tp} x 2 B"
    if model.family not in measured.lean_families:
        size += given.tokens * model.hidden * _HALF
        words += " and the output"
    if spec.quantization.compute in ("fp8", "int8", "int8-mixed"):
        return size + given.tokens * width / tp, f"{words} and the input in 8 bits"
    return size, words


def _attention(spec: Spec, given: Limits, measured: Measured) -> tuple[float, str]:
    """Queries, keys and values, the normed queries and the output; latents are expanded in a workspace.

    The workspace is for 8 contexts, at least 4 pages a sequence, and at most 64 Ki tokens (mla_attention.py).
    """
    model, tp = spec.model, spec.tensor_parallel
    if model.expanded:
        most = max(8 * spec.context, 4 * given.sequences * BLOCK_TOKENS)
        tokens = min(most, _LATENT_WORKSPACE_TOKENS) + given.tokens
        words = f"attention: latents of {tokens} tokens expanded to {model.expanded} / {tp} x 2 B"
        return tokens * model.expanded / tp * _HALF, words
    width = (measured.attention_queries * model.heads + 2 * max(tp, model.kv_heads)) * model.head_dim
    return width / tp * given.tokens * _HALF, f"attention: {given.tokens} tokens x {width} / {tp} x 2 B"


def _compilation(spec: Spec, given: Limits, regime: Regime) -> Peak:
    """A first start compiles with a second copy of the embedding, which takes part in the graph.

    Models that also see get their embeddings from outside the graph. The next start finds the compile cache.
    """
    model, tp = spec.model, spec.tensor_parallel
    if model.multimodal:
        return Peak(0, "")
    size = model.vocab * model.hidden / tp * _HALF + regime.cold_states * given.tokens * model.hidden * _HALF
    words = f"compilation of a first start: embedding {model.vocab} x {model.hidden} / {tp} x 2 B"
    return Peak(round(size), f"{words} + {regime.cold_states} x {given.tokens} tokens x {model.hidden} x 2 B")


def _named(size: float, name: str) -> list[str]:
    return [f"{name} {size / GIB:.3f} GiB"] if size else []


def _expert_workspace(spec: Spec, given: Limits) -> float:
    """Two buffers for all chosen experts; kernels for MXFP4 have their own, smaller ones."""
    model = spec.model
    if model.moe is None or spec.quantization.name == "mxfp4":
        return 0.0
    inner = model.moe.intermediate / spec.tensor_parallel
    width = max(inner, model.hidden) + max(2 * inner, model.hidden)
    return given.tokens * model.moe.topk * width * _HALF


def _encoder_cache(spec: Spec, given: Limits) -> float:
    """Outputs of the vision tower for as many tokens as a batch has, held while profiling."""
    return given.tokens * spec.model.hidden * _HALF if spec.model.multimodal else 0.0


def captured_sizes(given: Limits) -> list[int]:
    """Batch sizes that are captured: 1, 2, 4, then by 8 up to 256, then by 16 up to 512 (config/vllm.py)."""
    largest = min(2 * given.sequences, _LARGEST_GRAPH, given.tokens)
    sizes = [n for n in (1, 2, 4) if n <= largest]
    sizes += range(8, min(largest + 1, 256), 8)
    sizes += range(256, largest + 1, 16)
    return sizes or [1]


def graphs(spec: Spec, stage: Stage, measured: Measured) -> Peak:
    """CUDA graphs of one stage; none in eager mode."""
    if spec.eager:
        return Peak(0, "0: eager mode")
    fit = measured.regime(spec).graphs
    given = limits(spec)
    decodes = sum(1 for size in captured_sizes(given) if size <= given.sequences)
    share = fit.fixed + (1 - fit.fixed) * decodes / fit.sizes
    moe = fit.moe_gib if spec.model.moe is not None else 0.0
    gib = (fit.base_gib + fit.layer_gib * stage.layers + moe) * share
    words = f"({fit.base_gib} + {fit.layer_gib} x {stage.layers} layers"
    words += f" + {moe} for experts) GiB" if moe else ") GiB"
    return Peak(round(gib * GIB), f"{words} x {share:.2f} for {decodes} of {fit.sizes} decode sizes")


def non_torch(spec: Spec, measured: Measured, stage: Stage) -> Peak:
    """Libraries' own memory: kernels, and NCCL's buffers when there are several ranks."""
    table = measured.regime(spec).non_torch_gib
    ranks = max((n for n in table if n <= spec.tensor_parallel), default=1)
    size = round(table[ranks] * GIB)
    if spec.pipeline_parallel > 1 and not stage.last and spec.tensor_parallel == 1:
        size = measured.pipeline_non_torch_bytes
    return Peak(size, f"{size / GIB:.2f} GiB with {spec.tensor_parallel} rank(s), measured")
