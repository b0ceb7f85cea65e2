"""From a config.json to what memory needs to know: parameters by kind, and layers by kind of cache.

The counts equal the published ones to the parameter (a test asserts it for every catalogue row that has one).
"""

from __future__ import annotations

from signalbox.capacity.models.checkpoint_quantization import checkpoint_quantization
from signalbox.capacity.models.families import FAMILIES, Family
from signalbox.capacity.models.layers import kv_groups
from signalbox.capacity.models.parameters import expanded_width, parameters
from signalbox.capacity.models.shape import Config, get, moe_of, read_shape, text_config
from signalbox.capacity.models.vision import vision_parameters
from signalbox.capacity.spec import Architecture
from signalbox.errors import InputError

_GENERIC_UNCERTAINTY = 0.05  # Biases, norms and layouts that an unknown family may add or lack.
_REQUIRED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
_COUNTS = ("num_key_value_heads", "head_dim", "intermediate_size", "max_position_embeddings")


def from_config(config: Config, name: str, *, fallback: bool = False) -> Architecture:
    """The architecture that a config.json describes.

    An unknown model_type is an InputError that names the fields that are missing; with `fallback` it is read
    as a plain gated decoder, its `uncertainty` says how far the count may be off.
    """
    text = text_config(config)
    kind = str(text.get("model_type") or config.get("model_type") or "")
    family, uncertainty, assumptions = _family(kind, text, fallback)
    shape = read_shape(text, config, family, kind)
    vision, guessed = vision_parameters(config, shape.hidden)
    if guessed:
        assumptions = (*assumptions, guessed)
    return Architecture(
        name=name,
        family=str(config.get("model_type") or kind),
        layers=shape.layers,
        hidden=shape.hidden,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        intermediate=shape.intermediate,
        vocab=shape.vocab,
        max_positions=shape.positions,
        tied=shape.tied,
        moe=moe_of(shape),
        kv_groups=kv_groups(shape),
        parameters=parameters(shape, vision),
        dtype=str(get(text, "torch_dtype") or get(config, "torch_dtype") or "bfloat16"),
        softcap=bool(text.get("attn_logit_softcapping")),
        checkpoint_quantization=checkpoint_quantization(config),
        gated=family.gated,
        expanded=expanded_width(shape),
        uncertainty=uncertainty,
        assumptions=assumptions,
    )


def _family(kind: str, text: Config, fallback: bool) -> tuple[Family, float, tuple[str, ...]]:
    missing = [key for key in _REQUIRED if get(text, key) is None]
    if missing:
        raise InputError("config.json", kind or "(no model_type)", f"It lacks {', '.join(missing)}.")
    for key in (*_REQUIRED, *_COUNTS):
        value = get(text, key)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise InputError(f"config.json: {key}", value, "It must be a whole number of at least 1.")
    if kind in FAMILIES:
        return FAMILIES[kind], 0.0, ()
    lacking = [k for k in ("num_key_value_heads", "head_dim", "intermediate_size") if get(text, k) is None]
    if not fallback:
        said = f"It does not say {', '.join(lacking)}. " if lacking else ""
        raise InputError(
            "model_type",
            kind,
            f"Unknown architecture: biases, norms and the kinds of its layers are not known. {said}"
            "Count it as a plain gated decoder with --fallback, accurate to about "
            f"{_GENERIC_UNCERTAINTY:.0%}.",
        )
    return (
        Family(),
        _GENERIC_UNCERTAINTY,
        (f"model_type {kind!r} is unknown: counted as a gated decoder without biases",),
    )
