"""The catalogue: GPUs, models, quantizations and engines as data files, each row with its source.

Names are matched by alias too, in any case and punctuation; an unknown name is an InputError with the most similar
ones. A model's name may end in a quantization ("RedHatAI/Llama-3.3-70B-Instruct-FP8").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, TypeVar

from packaging.version import InvalidVersion, Version

from signalbox.capacity.datafile import read
from signalbox.capacity.models.architecture import from_config
from signalbox.capacity.models.catalogue_names import (
    TAG_DEFAULT,
    find,
    gpu_key,
    model_key,
    plain_key,
    split_encoding,
    vendor_of,
)
from signalbox.capacity.spec import Architecture, EngineName, EngineVersion, Gpu, Quantization
from signalbox.capacity.units import parse_version
from signalbox.errors import InputError

Row = TypeVar("Row")
_MODEL_FILES = ("models.yaml", "encoders.yaml")

# The quantization_config of checkpoints whose quantization is known from their name only.
_DECLARATIONS: dict[str, dict[str, Any]] = {
    "fp8": {"quant_method": "fp8"},
    "fp8-block": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    "nvfp4": {"quant_method": "modelopt", "quant_algo": "NVFP4"},
    "w8a8-int8": {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": {"weights": {"num_bits": 8}, "input_activations": {"num_bits": 8}}},
    },
    "w8a16": {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": {"weights": {"num_bits": 8}}},
    },
    "w4a16": {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": {"weights": {"num_bits": 4}}},
    },
    "gptq-int8": {"quant_method": "gptq", "bits": 8},
    "gptq-int4": {"quant_method": "gptq", "bits": 4},
    "awq-int4": {"quant_method": "awq", "bits": 4},
    "bnb-nf4": {"quant_method": "bitsandbytes", "load_in_4bit": True},
    "int8": {"quant_method": "bitsandbytes", "load_in_8bit": True},
    "mxfp4": {"quant_method": "mxfp4"},
}


@dataclass(frozen=True)
class ModelRow:
    """A model: the fields of its config.json that decide memory, and what is published about it."""

    name: str
    aliases: tuple[str, ...]
    config: Mapping[str, Any]
    parameters: int | None  # as published
    license: str
    gated: bool
    source: str

    @cached_property
    def architecture(self) -> Architecture:
        return from_config(self.config, self.name)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    @property
    def generates(self) -> bool:
        """Whether it generates text: an encoder has no cache, and a ranking by requests has no place for it."""
        return bool(self.architecture.kv_groups)


@dataclass(frozen=True)
class EngineRegime:
    """The memory regime and the default share of the GPU from a version on."""

    since: Version
    regime: str
    memory_utilization: float


@dataclass(frozen=True)
class EngineRow:
    """An engine and its regimes from old to new."""

    name: EngineName
    aliases: tuple[str, ...]
    default_version: str
    regimes: tuple[EngineRegime, ...]
    source: str

    def at(self, version: str | None = None) -> EngineVersion:
        """The engine at a version: "0.19.0", "v0.19", "~0.11"; None is the catalogue's default.

        A version without a number is an InputError.
        """
        text = version or self.default_version
        try:
            release = parse_version(text)
        except InvalidVersion as error:
            hint = f"Give a version number, for example {self.default_version}."
            raise InputError("engine version", text, hint) from error
        regime = next((row for row in reversed(self.regimes) if row.since <= release), self.regimes[0])
        return EngineVersion(self.name, text.strip("~<>= v"), regime.regime, regime.memory_utilization)


@dataclass(frozen=True)
class Catalogue:
    """All rows, in the order of the files."""

    gpus: tuple[Gpu, ...]
    models: tuple[ModelRow, ...]
    quantizations: tuple[Quantization, ...]
    engines: tuple[EngineRow, ...]

    def gpu(self, name: str) -> Gpu:
        """A GPU by name, alias or the product label of a node; an unknown one gets proposals of its vendor only."""
        vendor = vendor_of(name)
        return find(
            "GPU",
            name,
            self.gpus,
            lambda row: (row.name, *row.aliases, *row.products),
            gpu_key,
            lambda row: row.vendor == vendor and (row.tabled or vendor != "nvidia" or "rtx" in name.lower()),
        )

    def model(self, name: str) -> ModelRow:
        """A model by its Hub name, its last part, or an alias; with the quantization that the name ends in."""
        same = (row for row in self.models if name.lower() in {one.lower() for one in row.names})
        if (exact := next(same, None)) is not None:
            return exact
        base, quantization = split_encoding(name)
        row = find("model", base, self.models, lambda row: row.names, model_key)
        if quantization is None:
            return row
        own = (row.config.get("quantization_config") or {}).get("quant_method")
        if own == "mxfp4" and quantization == TAG_DEFAULT:
            quantization = "gguf-mxfp4"  # gpt-oss is published so, and its tags are too
        config = {**row.config, "quantization_config": _declaration(quantization)}
        return replace(row, name=name, config=config)

    def quantization(self, name: str) -> Quantization:
        return find("quantization", name, self.quantizations, lambda row: (row.name, *row.aliases), plain_key)

    def engine(self, name: str, version: str | None = None) -> EngineVersion:
        """An engine at a version; "vllm 0.19.0" and "vLLM ~0.11" are read too."""
        match = re.match(r"^\s*([A-Za-z][A-Za-z.\-]*?)[\s:=@]+[~v]*(b?\d.*)$", name)
        if match and version is None:
            name, version = match[1], match[2].split()[0]
        row = find("engine", name, self.engines, lambda row: (row.name, *row.aliases), plain_key)
        return row.at(version)


def _declaration(quantization: str) -> dict[str, Any]:
    if quantization.startswith("gguf-"):
        return {"quant_method": "gguf", "type": quantization.removeprefix("gguf-")}
    return _DECLARATIONS[quantization]


def load() -> Catalogue:
    """Read the data files of the package."""
    return Catalogue(
        gpus=(
            *(_row(Gpu, row) for row in read("gpus.yaml")),
            *(_row(Gpu, {**row, "tabled": False}) for row in read("gpus_further.yaml")),
        ),
        models=tuple(_row(ModelRow, row) for file in _MODEL_FILES for row in read(file)),
        quantizations=tuple(_row(Quantization, row) for row in read("quantizations.yaml")),
        engines=tuple(_engine(row) for row in read("engines.yaml")),
    )


_DEFAULTS: dict[str, Any] = {
    "aliases": (),
    "products": (),
    "gated": False,
    "arm64": False,
    "vendor": "nvidia",
    "tabled": True,
}


def _row(kind: type[Row], row: Mapping[str, Any]) -> Row:
    """A typed row: lists become tuples, a field that the row omits is its default or None."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := set(row) - names:
        raise ValueError(f"{row.get('name')}: unknown fields {sorted(unknown)}")
    values = {name: row.get(name, _DEFAULTS.get(name)) for name in names}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    if kind is Gpu:
        values["total_is_estimated"] = bool(values["total_is_estimated"])
    return kind(**values)


def _engine(row: Mapping[str, Any]) -> EngineRow:
    regimes = tuple(
        EngineRegime(parse_version(str(one["since"])), one["regime"], one["memory_utilization"])
        for one in row["regimes"]
    )
    return EngineRow(row["name"], tuple(row["aliases"]), str(row["default_version"]), regimes, row["source"])
