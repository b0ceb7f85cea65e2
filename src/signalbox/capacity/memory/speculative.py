"""Speculative decoding under vLLM: the weights and the cache of what proposes tokens, on one rank.

vLLM 0.24.0. A draft model is loaded whole, with embedding and head of its own (v1/spec_decode/draft_model.py), unquantized
unless its own files are, on the same tensor-parallel ranks and in the last pipeline stage (gpu_model_runner.py). Its layers
share the blocks of the target's cache. MTP modules are one more layer with a projection of two hidden states; they use the
target's embedding and head (v1/spec_decode/llm_base_proposer.py). Matching n-grams needs neither.
"""

from __future__ import annotations

from dataclasses import replace

from signalbox.capacity.memory.constants import Constants
from signalbox.capacity.memory.weights import Stage, rank_weights
from signalbox.capacity.spec import Architecture, KvGroup, Spec

# Families that vLLM 0.24.0 maps to MTP modules (config/speculative.py); their published files have one (`num_nextn_predict_layers`
# or `mtp_num_hidden_layers` in config.json).
MTP_FAMILIES = frozenset(("deepseek_v3", "deepseek_v32", "glm4_moe", "qwen3_next", "qwen3_5", "qwen3_5_moe"))


def draft_bytes(spec: Spec, stage: Stage, constants: Constants) -> int:
    """Bytes of the weights that propose tokens, on one rank of a stage."""
    speculative = spec.serving.speculative
    if speculative is None or not stage.last:
        return 0
    if speculative.method == "mtp":
        return _mtp_bytes(spec, constants)
    return (
        0 if spec.draft is None else rank_weights(_draft_spec(spec), _whole(spec), constants.allocator).total
    )


def draft_layers(spec: Spec) -> int:
    """Layers that are captured and cached in addition to the model's own."""
    speculative = spec.serving.speculative
    if speculative is None or speculative.method == "ngram":
        return 0
    return 1 if spec.draft is None else spec.draft.model.layers


def cached_groups(spec: Spec) -> tuple[KvGroup, ...]:
    """The groups of the target's cache with those layers: of a draft as groups of their own, of MTP as full attention."""
    groups, speculative = spec.model.kv_groups, spec.serving.speculative
    if speculative is None or speculative.method == "ngram":
        return groups
    if spec.draft is not None:
        return (*groups, *spec.draft.model.kv_groups)
    full = next(group for group in groups if group.kind in ("full", "mla"))
    return tuple(replace(group, layers=group.layers + 1) if group is full else group for group in groups)


def formula(spec: Spec) -> str:
    """What proposes tokens, in words."""
    if spec.draft is not None:
        return f"draft {spec.draft.model.name} in {spec.draft.quantization.name}"
    return "MTP layer"


def _draft_spec(spec: Spec) -> Spec:
    if spec.draft is None:
        raise ValueError("no draft")
    return replace(spec, model=spec.draft.model, quantization=spec.draft.quantization, images=0)


def _whole(spec: Spec) -> Stage:
    layers = 0 if spec.draft is None else spec.draft.model.layers
    return Stage(0, layers, 1.0, first=True, last=True)


def _mtp_bytes(spec: Spec, constants: Constants) -> int:
    """One layer of the model, averaged over its kinds of attention, and the projection of two hidden states in 16 bits."""
    model = spec.model
    layer = rank_weights(
        replace(spec, model=_one_layer(model)), Stage(0, 1, 1.0, first=False, last=False), constants.allocator
    )
    projection = 2 * model.hidden * model.hidden * 2
    return layer.linear + layer.experts + layer.other + projection


def _one_layer(model: Architecture) -> Architecture:
    """A layer with experts, where the model has some: dense layers are taken off before the average."""
    counts, moe = model.parameters, model.moe
    sparse, dense = model.layers, 0
    if moe is not None:
        sparse = max(1, round(counts.experts / (3 * moe.experts * moe.intermediate * model.hidden)))
        dense = (model.layers - sparse) * 3 * model.hidden * model.intermediate
    shared = 0 if moe is None else 3 * moe.shared * moe.intermediate * model.hidden
    attention = (counts.linear - dense - shared * sparse) // model.layers
    return replace(
        model,
        layers=1,
        parameters=replace(
            counts,
            linear=attention + shared,
            experts=counts.experts // sparse,
            other=counts.other // model.layers,
            replicated=counts.replicated // model.layers,
            key_value=counts.key_value // model.layers,
            absorbed=counts.absorbed // model.layers,
            plain=counts.plain // model.layers,
            rope=0,
        ),
    )
