"""From a config.json to the properties that decide memory: parameters by kind, and layers by kind of cache.

The counts equal the published ones to the parameter (a test asserts it for every catalogue row that has one).
"""

from __future__ import annotations

from signalbox.capacity.models.checkpoint_quantization import stored_quantization
from signalbox.capacity.models.families.encoders import encoder_architecture, is_encoder
from signalbox.capacity.models.families.traits import FAMILIES, PLAIN_KEYS, Family
from signalbox.capacity.models.layers import kv_groups
from signalbox.capacity.models.parameters import expanded_width, parameters, with_unquantized
from signalbox.capacity.models.shape import Config, get, moe_of, read_shape, text_config
from signalbox.capacity.models.vision import vision_encoder, vision_parameters
from signalbox.capacity.spec import Architecture
from signalbox.errors import InputError

_REQUIRED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
_COUNTS = ("num_key_value_heads", "head_dim", "intermediate_size", "max_position_embeddings")
_SPARSE = "the workspaces of its sparse attention are not counted, about 5 contexts of the cache of one layer"


def from_config(config: Config, name: str, *, fallback: bool = False) -> Architecture:
    """The architecture that a config.json describes.

    Raises InputError for missing or invalid fields, and for an unknown model_type; with `fallback` that is read as
    a plain gated decoder if its config.json has the keys of one only.
    """
    if is_encoder(config):
        return encoder_architecture(config, name)
    text = text_config(config)
    kind = str(text.get("model_type") or config.get("model_type") or "")
    family, assumptions = _family(kind, text, fallback)
    shape = read_shape(text, config, family, kind)
    vision, vision_assumption = vision_parameters(config, shape.hidden)
    if vision_assumption:
        assumptions = (*assumptions, vision_assumption)
    if text.get("index_topk"):
        assumptions = (*assumptions, _SPARSE)
    stored = stored_quantization(config)
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
        parameters=with_unquantized(parameters(shape, vision), shape, stored.ignored if stored else ()),
        dtype=str(get(text, "torch_dtype") or get(config, "torch_dtype") or "bfloat16"),
        softcap=bool(text.get("attn_logit_softcapping")),
        checkpoint_quantization=stored.name if stored else None,
        gated=family.gated,
        expanded=expanded_width(shape),
        vision=vision_encoder(config),
        stored_bits=stored.bits if stored else None,
        guessed=kind not in FAMILIES,
        assumptions=assumptions,
    )


def _family(kind: str, text: Config, fallback: bool) -> tuple[Family, tuple[str, ...]]:
    missing = [key for key in _REQUIRED if get(text, key) is None]
    if missing:
        problem = f"config.json ({kind or 'no model_type'}) has no {', '.join(missing)}."
        raise InputError("config.json", kind, "Use the model's complete config.json.", problem=problem)
    for key in (*_REQUIRED, *_COUNTS):
        value = get(text, key)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise InputError(f"config.json: {key}", value, "It must be a whole number of at least 1.")
    if kind in FAMILIES:
        return FAMILIES[kind], ()
    if not fallback:
        optional = ("num_key_value_heads", "head_dim", "intermediate_size")
        defaults = [key for key in optional if get(text, key) is None]
        note = f"; its config.json has no {', '.join(defaults)}" if defaults else ""
        raise InputError(
            "model_type",
            kind,
            "Use --fallback to count it as a plain gated decoder, if it is one.",
            problem=f"unknown architecture `{kind}`: its biases, norms and kinds of layers are unknown{note}",
        )
    if unknown := sorted(
        key for key in text if key not in PLAIN_KEYS and text[key] not in (None, False, [], {})
    ):
        problem = f"unknown architecture `{kind}`: a plain decoder has no {', '.join(unknown)}"
        raise InputError("--fallback", kind, "Use --config of a model with the same shape.", problem=problem)
    return Family(), (f"architecture {kind!r} is unknown: counted as a gated decoder without biases",)
