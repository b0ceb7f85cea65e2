"""vLLM's memory besides weights and cache: the peak of a forward pass, CUDA graphs, memory outside torch.

vLLM runs one forward pass of max_num_batched_tokens tokens, then the sampler on max_num_seqs rows, and reserves the
peak of both. Either can be the larger: the sampler with many sequences and a large vocabulary, a layer with many
tokens. All sizes are of one rank.
"""

from __future__ import annotations

from dataclasses import dataclass

from signalbox.capacity.budget import Peak
from signalbox.capacity.memory import lora, vision
from signalbox.capacity.memory.constants import Constants, Regime
from signalbox.capacity.memory.kv_cache import BLOCK_TOKENS
from signalbox.capacity.memory.speculative import draft_layers
from signalbox.capacity.memory.tensors import expert_ranks, inner_ranks
from signalbox.capacity.memory.weights import Stage
from signalbox.capacity.spec import Gpu, Spec
from signalbox.capacity.units import GIB, parse_version

_LOGIT_BYTES = 4
_HALF = 2
_LARGEST_GRAPH = 512
# vLLM 0.8 to 0.10 capture all sizes up to 512, whatever the limit of sequences (V1 config.py, cudagraph_capture_sizes).
_ALL_SIZES = (parse_version("0.8"), parse_version("0.11"))
# Before 0.8 (V0 engine, config.py SchedulerConfig and arg_utils.py): max_num_batched_tokens is max(max_model_len, 2048), or
# 2048 with chunked prefill, which is on by default above 32768 tokens.
_FIRST_V1, _LONG_CONTEXT, _LEAST_BATCH = parse_version("0.8"), 32768, 2048
_LATENT_WORKSPACE_TOKENS = 64 * 1024  # mla_attention.py


@dataclass(frozen=True)
class Limits:
    """max_num_seqs and max_num_batched_tokens: those of the specification, or the server's defaults."""

    sequences: int
    tokens: int


@dataclass(frozen=True)
class _Pass:
    """The forward pass that vLLM profiles."""

    spec: Spec
    stage: Stage
    constants: Constants
    regime: Regime
    limits: Limits

    @property
    def states_bytes(self) -> int:
        """Hidden states of all tokens, once."""
        return self.limits.tokens * self.spec.model.hidden * _HALF


def has_large_defaults(gpu: Gpu) -> bool:
    """Whether vLLM's default limits are the larger ones (arg_utils.py: 70 GiB and more, A100 excepted)."""
    return gpu.is_large and not gpu.name.startswith("a100")


def limits(spec: Spec) -> Limits:
    if spec.engine.name == "vllm" and parse_version(spec.engine.version) < _FIRST_V1:
        return _first_limits(spec)
    large = has_large_defaults(spec.gpu)
    sequences = spec.concurrency or (1024 if large else 256)
    tokens = spec.batched_tokens or (8192 if large else 2048)
    if not spec.model.kv_groups and spec.batched_tokens is None:
        tokens = max(tokens, spec.context)  # no chunked prefill without a cache (engine/arg_utils.py)
    return Limits(min(sequences, tokens), tokens)


def _first_limits(spec: Spec) -> Limits:
    """Before 0.8: without chunked prefill, which only longer contexts turn on, a batch is the whole context."""
    chunked = spec.context > _LONG_CONTEXT
    tokens = spec.batched_tokens or (_LEAST_BATCH if chunked else max(spec.context, _LEAST_BATCH))
    return Limits(min(spec.concurrency or 256, tokens), tokens)


def peak(spec: Spec, stage: Stage, constants: Constants, regime: Regime) -> Peak:
    """The largest of sampler, layer and compilation; only the last pipeline stage has a sampler."""
    run = _Pass(spec, stage, constants, regime, limits(spec))
    peaks = [_layer(run)]
    if stage.last:
        peaks.append(_pooler(run) if spec.serving.pooling else _sampler(run))
    if stage.first and not spec.eager and not spec.warm_cache:
        peaks.append(_compilation(run))
    return max(peaks, key=lambda one: one.bytes)


def _sampler(run: _Pass) -> Peak:
    """Copies of the logits; hidden states of all tokens, and of the sampled rows twice, stay alive."""
    model, regime, constants = run.spec.model, run.regime, run.constants
    vocab, rows = model.padded_vocab, run.limits.sequences
    # The rejection sampler is profiled with two rows of 16-bit logits a request (gpu_model_runner.py, _dummy_sampler_run).
    copies = regime.logit_copies + (1 if run.spec.serving.speculative is not None else 0)
    logits = copies * rows * vocab * _LOGIT_BYTES
    programs = min(rows, constants.multiprocessors_of(run.spec.gpu)) if regime.logit_rows else 0
    states = (run.limits.tokens + regime.sampled_states * rows) * model.hidden * _HALF
    experts = _expert_workspace(run) if regime.experts_stay else 0.0
    images = vision.encoder_cache(run.spec, run.limits)
    workspace = constants.matmul_workspace_bytes
    total = logits + programs * vocab * _LOGIT_BYTES + states + experts + images + workspace
    parts = [
        f"sampler: ({copies} x {rows} + {programs}) x vocabulary {vocab} x 4 B",
        f"({run.limits.tokens} + {regime.sampled_states} x {rows}) x hidden {model.hidden} x 2 B",
        f"matrix workspace {workspace / GIB:.3f} GiB",
        *_part(experts, "expert workspace"),
        *_part(images, "encoder cache"),
    ]
    return Peak(round(total), " + ".join(parts))


def _pooler(run: _Pass) -> Peak:
    """The states of all tokens, and the same in 32 bits as the largest answer (token_embed; pooler/tokwise/heads.py)."""
    tokens, hidden = run.limits.tokens, run.spec.model.hidden
    words = f"pooler: {tokens} tokens x hidden {hidden} x ({_HALF} + {_LOGIT_BYTES}) B"
    return Peak(tokens * hidden * (_HALF + _LOGIT_BYTES), words)


def _layer(run: _Pass) -> Peak:
    """The widest point of a forward pass: the feed-forward part of a layer, or its attention."""
    constants = run.constants
    copies = constants.layer_hidden_copies + (0 if run.stage.first else 2)  # the previous stage's output
    inner, words = max(_feed_forward(run), _attention(run), key=lambda part: part[0])
    experts = _expert_workspace(run)
    images = vision.encoder_cache(run.spec, run.limits)
    # Kernels for quantized weights need no cuBLAS workspace; the head, in 16 bit, comes after this peak.
    workspace = constants.matmul_workspace_bytes if run.spec.quantization.compute == "16bit" else 0
    products = lora.step_bytes(run.spec, run.limits.tokens)
    parts = [
        f"{words} {inner / GIB:.3f} GiB",
        f"{copies:g} x {run.limits.tokens} tokens x hidden {run.spec.model.hidden} x 2 B",
        *_part(workspace, "matrix workspace"),
        *_part(experts, "expert workspace"),
        *_part(images, "encoder cache"),
        *_part(products, "LoRA products"),
    ]
    total = copies * run.states_bytes + inner + experts + images + workspace + products
    return Peak(round(total), " + ".join(parts))


def _feed_forward(run: _Pass) -> tuple[float, str]:
    """Gate, up and their product, of dense layers or shared experts; kernels in 8 bits hold the input again."""
    model, tp, tokens = run.spec.model, run.spec.tensor_parallel, run.limits.tokens
    width = model.intermediate if model.moe is None else model.moe.shared * model.moe.intermediate
    matrices = 3 if model.gated else 2
    size = matrices * width / tp * tokens * _HALF
    words = f"layer: {tokens} tokens x {matrices} x inner {width} / {tp} x 2 B"
    if model.family not in run.constants.lean_families:
        size += run.states_bytes
        words += " and the output"
    if run.spec.quantization.compute in ("fp8", "int8", "int8-mixed"):
        return size + tokens * width / tp, f"{words} and the input in 8 bits"
    return size, words


def _attention(run: _Pass) -> tuple[float, str]:
    """Queries, keys and values, the normed queries and the output; latents are expanded in a workspace.

    The workspace is for 8 contexts, at least 4 pages a sequence, and at most 64 Ki tokens (mla_attention.py).
    """
    model, tp, batch = run.spec.model, run.spec.tensor_parallel, run.limits
    if model.expanded:
        most = max(8 * run.spec.context, 4 * batch.sequences * BLOCK_TOKENS)
        tokens = min(most, _LATENT_WORKSPACE_TOKENS) + batch.tokens
        words = f"attention: latents of {tokens} tokens expanded to {model.expanded} / {tp} x 2 B"
        return tokens * model.expanded / tp * _HALF, words
    queries = run.constants.attention_queries * model.heads
    width = (queries + 2 * max(tp, model.kv_heads)) * model.head_dim
    return width / tp * batch.tokens * _HALF, f"attention: {batch.tokens} tokens x {width} / {tp} x 2 B"


def _compilation(run: _Pass) -> Peak:
    """A cold start compiles with a second copy of the embedding, which takes part in the graph.

    Multimodal models get their embeddings from outside the graph. The next start finds the compile cache.
    """
    model, tp, tokens = run.spec.model, run.spec.tensor_parallel, run.limits.tokens
    if model.multimodal:
        return Peak(0, "")
    copies = run.regime.cold_states
    size = model.vocab * model.hidden / tp * _HALF + copies * run.states_bytes
    words = f"compilation of a cold start: embedding {model.vocab} x {model.hidden} / {tp} x 2 B"
    return Peak(round(size), f"{words} + {copies} x {tokens} tokens x {model.hidden} x 2 B")


def _part(size: float, name: str) -> list[str]:
    return [f"{name} {size / GIB:.3f} GiB"] if size else []


def _expert_workspace(run: _Pass) -> float:
    """Two buffers for all routed experts of a token; kernels for MXFP4 have their own, smaller ones.

    Data-parallel ranks gather the tokens of all of them first (vLLM's all2all_backend, allgather_reducescatter).
    """
    model, data = run.spec.model, run.spec.serving.data_parallel
    if model.moe is None or run.spec.quantization.name == "mxfp4":
        return 0.0
    inner = model.moe.intermediate / inner_ranks(run.spec)
    width = max(inner, model.hidden) + max(2 * inner, model.hidden)
    return data * run.limits.tokens * model.moe.topk * width * _HALF


def captured_sizes(batch: Limits) -> list[int]:
    """Batch sizes that are captured: 1, 2, 4, then by 8 up to 256, then by 16 up to 512 (config/vllm.py)."""
    largest = min(2 * batch.sequences, _LARGEST_GRAPH, batch.tokens)
    sizes = [n for n in (1, 2, 4) if n <= largest]
    sizes += range(8, min(largest + 1, 256), 8)
    sizes += range(256, largest + 1, 16)
    return sizes or [1]


def graphs(spec: Spec, stage: Stage, regime: Regime) -> Peak:
    """CUDA graphs of one stage; none in eager mode."""
    if spec.eager:
        return Peak(0, "0: eager mode")
    fit = regime.graphs
    batch = limits(spec)
    every = _ALL_SIZES[0] <= parse_version(spec.engine.version) < _ALL_SIZES[1]
    decodes = fit.sizes if every else sum(1 for size in captured_sizes(batch) if size <= batch.sequences)
    # With adapters each size is captured a second time, for batches without one (v1/cudagraph_dispatcher.py, 0.24.0).
    cases = 1 if spec.serving.lora is None else 2
    share = fit.fixed + (1 - fit.fixed) * cases * decodes / fit.sizes
    moe = fit.moe_gib if spec.model.moe is not None else 0.0
    layers = stage.layers + (draft_layers(spec) if stage.last else 0)
    gib = (fit.base_gib + fit.layer_gib * layers + moe) * share
    words = f"({fit.base_gib} + {fit.layer_gib} x {layers} layers"
    words += f" + {moe} for experts) GiB" if moe else ") GiB"
    twice = ", twice for LoRA" if cases > 1 else ""
    return Peak(round(gib * GIB), f"{words} x {share:.2f} for {decodes} of {fit.sizes} decode sizes{twice}")


def non_torch(spec: Spec, stage: Stage, constants: Constants, regime: Regime) -> Peak:
    """Libraries' own memory: kernels, and NCCL's buffers when there are several ranks."""
    table = regime.non_torch_gib
    together = spec.tensor_parallel if spec.model.moe is None else expert_ranks(spec)
    ranks = max((n for n in table if n <= together), default=1)
    size = round(table[ranks] * GIB)
    if spec.pipeline_parallel > 1 and not stage.last and together == 1:
        size = constants.pipeline_non_torch_bytes
    return Peak(size, f"{size / GIB:.2f} GiB with {together} rank(s), measured")
