"""llama.cpp's file types and buffers, typed: data/gguf.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from packaging.version import Version

from signalbox.capacity.datafile import read
from signalbox.capacity.units import MIB, parse_version


@dataclass(frozen=True)
class LayerRule:
    """Some layers' tensors of one kind have another type. `layers` names them, see data/gguf.yaml."""

    type: str
    layers: Literal["all", "more", "eighth", "sixteenth"] | int
    rest: str | None = None  # the type in the other layers; None: the file type's base
    grouped: bool = False  # only where at least four query heads share a KV head


@dataclass(frozen=True)
class Mixture:
    """The tensor types of a file type. None: the base."""

    base: str
    output: str
    value: LayerRule | None = None
    down: LayerRule | None = None
    projection: str | None = None
    experts: str | None = None


@dataclass(frozen=True)
class EightExperts:
    """Types of the small attention matrices in models with eight experts."""

    value: str
    key: str
    projection: str


@dataclass(frozen=True)
class SeventyBillion:
    """Base types of the value matrix in models with so many layers and grouped heads."""

    layers: int
    value: Mapping[str, str]


@dataclass(frozen=True)
class Defaults:
    """Of llama-server and Ollama: tokens of a micro-batch, slots, granule of a slot's tokens."""

    ubatch: int
    slots: int
    pad: int


@dataclass(frozen=True)
class Milestones:
    """The first versions with FlashAttention by default, and with a compute buffer for the slots' logits only."""

    flash: Version
    outputs: Version


@dataclass(frozen=True)
class GgufTables:
    """All tables. `bits` is per weight or cache number, scales included; memory is in bytes."""

    bits: Mapping[str, float]
    wide: Mapping[str, str]  # types with blocks of 256, and the type of rows that do not fill them
    mixtures: Mapping[str, Mixture]
    eight_experts: EightExperts
    seventy_billion: SeventyBillion
    defaults: Defaults
    milestones: Mapping[str, Milestones]  # by engine
    overhead_bytes: int
    margin_bytes: int


@cache
def load_gguf_tables() -> GgufTables:
    """The package's tables, parsed once: the file never changes."""
    data = read("gguf.yaml")
    return GgufTables(
        bits={name: float(bits) for name, bits in data["bits"].items()},
        wide=data["wide"],
        mixtures={name: _mixture(row) for name, row in data["mixtures"].items()},
        eight_experts=EightExperts(**data["eight_experts"]),
        seventy_billion=SeventyBillion(**data["seventy_billion"]),
        defaults=Defaults(**data["defaults"]),
        milestones={
            engine: Milestones(**{name: parse_version(str(version)) for name, version in row.items()})
            for engine, row in data["milestones"].items()
        },
        overhead_bytes=data["overhead"]["mib"] * MIB,
        margin_bytes=data["margin"]["mib"] * MIB,
    )


def _mixture(row: Mapping[str, Any]) -> Mixture:
    rules = {name: LayerRule(**row[name]) for name in ("value", "down") if name in row}
    return Mixture(**{**row, **rules})
