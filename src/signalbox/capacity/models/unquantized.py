"""Linear weights that a quantized checkpoint leaves in 16 bits, by the modules that its config.json lists.

The lists are `modules_to_not_convert` (Transformers), `ignore` (compressed-tensors), `exclude_modules` (ModelOpt),
`exclude` (Quark) and others. An entry is a module, a part of its name, a name with `*`, or `re:` and a pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import translate
from typing import Any

from signalbox.capacity.models.layers import delta_dims, layer_kinds
from signalbox.capacity.models.shape import Config, Shape, moe_of, sparse_layers

_KEYS = (
    "modules_to_not_convert",
    "ignore",
    "ignored_layers",
    "exclude_modules",
    "exclude",
    "ignored_modules",
)
_PREFIX = re.compile(r"^(model|language_model|text_model|transformer)\.")


def ignored_modules(declaration: Config) -> tuple[str, ...]:
    """The entries of all lists of a quantization_config."""
    lists = (declaration.get(key) for key in _KEYS)
    return tuple(str(entry) for entries in lists if isinstance(entries, list | tuple) for entry in entries)


def unquantized(shape: Shape, entries: tuple[str, ...]) -> int:
    """Weights of the linear modules that an entry names; routers, norms, embedding and head are not linear here."""
    matches = [_matcher(entry) for entry in entries]
    if not matches:
        return 0
    return sum(size for name, size in _modules(shape) if any(match(name) for match in matches))


def _matcher(entry: str) -> Callable[[str], bool]:
    if entry.startswith("re:"):
        pattern = re.compile(entry.removeprefix("re:"))
        return lambda name: bool(pattern.match(name) or pattern.match(f"language_model.{name}"))
    plain = entry
    while (shorter := _PREFIX.sub("", plain)) != plain:
        plain = shorter
    if "*" in plain:
        wild = re.compile(translate(plain.rstrip(".")))
        return lambda name: bool(wild.match(name) or wild.match(_PREFIX.sub("", name)))
    part = re.compile(rf"(^|\.){re.escape(plain)}(\.|$)")
    return lambda name: bool(part.search(name))


def _modules(shape: Shape) -> Iterator[tuple[str, int]]:
    """Every linear module of the text model with its number of weights."""
    sparse = _sparse(shape)
    for index, (kind, _) in enumerate(layer_kinds(shape)):
        layer = f"model.layers.{index}"
        sizes = _delta_net(shape) if kind == "state" else _attention(shape)
        yield from ((f"{layer}.{name}", size) for name, size in sizes.items())
        yield from (
            (f"{layer}.{name}", size) for name, size in _feed_forward(shape, sparse=index in sparse).items()
        )


def _sparse(shape: Shape) -> frozenset[int]:
    """Layers with routed experts, as `sparse_layers` counts them."""
    if moe_of(shape) is None:
        return frozenset()
    counts = [sparse_layers(shape.config, index) for index in range(shape.layers + 1)]
    return frozenset(index for index in range(shape.layers) if counts[index + 1] > counts[index])


def _attention(shape: Shape) -> Mapping[str, int]:
    config, hidden = shape.config, shape.hidden
    if config.get("kv_lora_rank"):
        return _latent_attention(config, hidden, shape.heads)
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    projected = queries * 2 if shape.family.gate_in_query else queries
    sizes = {
        "q_proj": hidden * projected,
        "k_proj": hidden * keys,
        "v_proj": hidden * keys,
        "o_proj": queries * hidden,
    }
    return {f"self_attn.{name}": size for name, size in sizes.items()}


def _latent_attention(config: Mapping[str, Any], hidden: int, heads: int) -> Mapping[str, int]:
    rank, rope = int(config["kv_lora_rank"]), int(config["qk_rope_head_dim"])
    nope, value = int(config["qk_nope_head_dim"]), int(config["v_head_dim"])
    low = int(config.get("q_lora_rank") or 0)
    queries = heads * (nope + rope)
    query = {"q_a_proj": hidden * low, "q_b_proj": low * queries} if low else {"q_proj": hidden * queries}
    rest = {
        "kv_a_proj_with_mqa": hidden * (rank + rope),
        "kv_b_proj": rank * heads * (nope + value),
        "o_proj": heads * value * hidden,
    }
    return {f"self_attn.{name}": size for name, size in {**query, **rest}.items()}


def _delta_net(shape: Shape) -> Mapping[str, int]:
    keys, values = delta_dims(shape.config)
    heads = int(shape.config["linear_num_value_heads"])
    return {
        "linear_attn.in_proj_qkvz": shape.hidden * (2 * keys + 2 * values),
        "linear_attn.in_proj_ba": shape.hidden * 2 * heads,
        "linear_attn.out_proj": values * shape.hidden,
    }


def _feed_forward(shape: Shape, *, sparse: bool) -> Mapping[str, int]:
    """Dense or shared projections; routed experts are counted apart."""
    moe, hidden = moe_of(shape), shape.hidden
    names = ("gate_proj", "up_proj", "down_proj") if shape.family.gated else ("up_proj", "down_proj")
    if moe is None or not sparse:
        width = int(shape.config.get("intermediate_size_mlp") or shape.intermediate)
        return {f"mlp.{name}": hidden * width for name in names}
    width = int(shape.config.get("shared_expert_intermediate_size") or moe.shared * moe.intermediate)
    place = (
        "mlp.shared_expert" if shape.config.get("shared_expert_intermediate_size") else "mlp.shared_experts"
    )
    return {f"{place}.{name}": hidden * width for name in names} if width else {}
