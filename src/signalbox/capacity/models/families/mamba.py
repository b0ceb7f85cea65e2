"""Mamba-2 layers, and models whose layers are of one kind each: Nemotron-H.

The sources are vLLM 0.24.0: `MambaMixer2` (model_executor/layers/mamba/mamba_mixer2.py) for the weights,
`mamba2_state_shape` and `_mamba_state_dtype` (mamba_utils.py) for the state, and models/nemotron_h.py for the layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from signalbox.capacity.models.shape import Config, Shape, moe_of
from signalbox.capacity.spec import Parameters
from signalbox.errors import InputError

_LETTERS = {"mamba": "M", "moe": "E", "attention": "*", "mlp": "-"}
_HALF, _SINGLE = 2, 4
_NEMOTRON = "nemotron_h"


@dataclass(frozen=True)
class Mamba2:
    """Sizes of a Mamba-2 mixer. `state_number_bytes` is the size of one number of its recurrent state."""

    heads: int
    head_dim: int
    state: int
    groups: int
    kernel: int
    convolution_bias: bool
    state_number_bytes: int

    @property
    def inner(self) -> int:
        return self.heads * self.head_dim

    @property
    def channels(self) -> int:
        """Channels of the convolution: the inner width, and B and C of all groups."""
        return self.inner + 2 * self.groups * self.state

    @property
    def state_bytes(self) -> int:
        """Convolution and recurrent state of one sequence on one GPU."""
        convolution = (self.kernel - 1) * self.channels * _HALF
        return convolution + self.inner * self.state * self.state_number_bytes

    def weights(self, hidden: int) -> tuple[int, int]:
        """Weights of the projections; and of the convolution, A, D, the time steps' bias and the norm."""
        projections = hidden * (self.inner + self.channels + self.heads) + self.inner * hidden
        convolution = self.channels * (self.kernel + self.convolution_bias)
        return projections, convolution + 3 * self.heads + self.inner


def mamba_of(config: Config) -> Mamba2 | None:
    """The mixer of Nemotron-H and of Granite 4, which name its sizes differently; None without one."""

    def size(*names: str) -> Any:  # noqa: ANN401 - JSON
        return next((config[name] for name in names if config.get(name) is not None), None)

    heads = size("mamba_num_heads", "mamba_n_heads")
    if heads is None:
        return None
    single = config.get("mamba_ssm_cache_dtype", "float32") if config.get("model_type") == _NEMOTRON else None
    return Mamba2(
        heads=int(heads),
        head_dim=int(size("mamba_head_dim", "mamba_d_head")),
        state=int(size("ssm_state_size", "mamba_d_state")),
        groups=int(size("n_groups", "mamba_n_groups")),
        kernel=int(size("conv_kernel", "mamba_d_conv")),
        convolution_bias=bool(size("use_conv_bias", "mamba_conv_bias")),
        state_number_bytes=_SINGLE if single == "float32" else _HALF,
    )


def layer_letters(config: Config) -> str | None:
    """Kinds of the layers of Nemotron-H: M (Mamba), * (attention), - (dense), E (experts); None for other models."""
    names = config.get("layers_block_type")
    pattern = config.get("hybrid_override_pattern")
    if isinstance(names, list) and config.get("model_type") == _NEMOTRON:
        pattern = "".join(_LETTERS.get(str(name), "?") for name in names)
    if pattern is None:
        return None
    if unknown := sorted(set(pattern) - set(_LETTERS.values())):
        problem = f"hybrid_override_pattern has unknown layers: {', '.join(unknown)}"
        raise InputError("config.json", pattern, "Use the model's own config.json.", problem=problem)
    return str(pattern)


def letter_parameters(shape: Shape, letters: str) -> Parameters:
    """All parameters of a model whose layers have either a mixer, attention, a dense or a sparse part."""
    hidden, mamba = shape.hidden, mamba_of(shape.config)
    if mamba is None:
        raise InputError(
            "config.json", letters, "Use the complete config.json.", problem="no mamba_num_heads"
        )
    projections, mixer_other = mamba.weights(hidden)
    attention = hidden * shape.head_dim * (2 * shape.heads + 2 * shape.kv_heads)
    shared, experts, router = _sparse(shape)
    mixers, attentions = letters.count("M"), letters.count("*")
    dense, sparse = letters.count("-"), letters.count("E")
    linear = projections * mixers + attention * attentions + shared * sparse
    return Parameters(
        embedding=shape.vocab * hidden,
        head=0 if shape.tied else shape.vocab * hidden,
        linear=linear + 2 * hidden * shape.intermediate * dense,
        experts=experts * sparse,
        other=(len(letters) + 1) * hidden + mixer_other * mixers + router * sparse,
        vision=0,
        key_value=2 * hidden * shape.kv_heads * shape.head_dim * attentions,
    )


def _sparse(shape: Shape) -> tuple[int, int, int]:
    """Shared, routed and router weights of one sparse layer; with `moe_latent_size` the experts work on a projection."""
    moe, config, hidden = moe_of(shape), shape.config, shape.hidden
    if moe is None:
        return 0, 0, 0
    shared = int(config.get("moe_shared_expert_intermediate_size") or 0) * int(
        config.get("n_shared_experts") or 0
    )
    latent = int(config.get("moe_latent_size") or 0)
    experts = 2 * (latent or hidden) * moe.intermediate * moe.experts
    return 2 * hidden * shared + 2 * hidden * latent, experts, hidden * moe.experts + moe.experts
