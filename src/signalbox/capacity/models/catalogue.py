"""The catalogue: GPUs, models, quantizations and engines as data files, each row with its source.

Names are found by alias too, whatever their case and punctuation; an unknown name is an InputError with the
nearest ones. A model's name may end in a quantization ("RedHatAI/Llama-3.3-70B-Instruct-FP8").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any, TypeVar

from signalbox.capacity.datafile import read
from signalbox.capacity.models.architecture import from_config
from signalbox.capacity.spec import Architecture, EngineName, EngineVersion, Gpu, Quantization
from signalbox.errors import InputError

Row = TypeVar("Row")
_NEAREST = 3

# Endings of a model's name that say nothing about memory.
_VARIANTS = re.compile(
    r"[-_](instruct|it|chat|hf|base|pt|bnb|gguf|dynamic|marlin|unsloth|autogptq|autoawq|hugging|torchao|qat)$"
)
# Endings that name a quantization, longest first.
_ENCODINGS: tuple[tuple[str, str], ...] = (
    (r"[-_.]?quantized[._-]w8a8$", "w8a8-int8"),
    (r"[-_.]?quantized[._-]w4a16$", "w4a16"),
    (r"[-_.]?quantized[._-]w8a16$", "w8a16"),
    (r"[-_](fp8[-_]block|fp8[-_]128x128)$", "fp8-block"),
    (r"[-_ ]fp8([-_]dynamic|[-_]kv|[-_]tensorwise|[-_]static)?$", "fp8"),
    (r"[-_]nvfp4(a16)?$", "nvfp4"),
    (r"[-_](w8a8|int8[-_]w8a8)$", "w8a8-int8"),
    (r"[-_]w4a16([-_]g128)?$", "w4a16"),
    (r"[-_]gptq[-_](int8|8bit)$", "gptq-int8"),
    (r"[-_]gptq([-_](int4|4bit|marlin))?([-_](128g|32g))?$", "gptq-int4"),
    (r"[-_]awq([-_]?(int4|4bit|4|marlin))?$", "awq-int4"),
    (r"[-_ ](bnb[-_]4bit|nf4|bnb[-_]nf4|4bit)$", "bnb-nf4"),
    (r"[ ]int8$", "int8"),
    (r"[-_](bnb[-_]8bit|llm[._]?int8|8bit)$", "int8"),
    (r"[-_]mxfp4$", "mxfp4"),
    (r"[-_ :.]q8_0(\.gguf)?$", "gguf-q8_0"),
    (r"[-_ :.]q6_k(\.gguf)?$", "gguf-q6_k"),
    (r"[-_ :.]q5_k_m(\.gguf)?$", "gguf-q5_k_m"),
    (r"[-_ :.]q4_k_m(\.gguf)?$", "gguf-q4_k_m"),
    (r"[-_ :.]q4_0(\.gguf)?$", "gguf-q4_0"),
)
_DECLARED: dict[str, dict[str, Any]] = {
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
    **{
        f"gguf-{name}": {"quant_method": "gguf", "type": name}
        for name in ("q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0")
    },
}


@dataclass(frozen=True)
class ModelRow:
    """A model: the fields of its config.json that matter, and what is published about it."""

    name: str
    aliases: tuple[str, ...]
    config: Mapping[str, Any]
    parameters: int | None  # as published
    licence: str
    gated: bool
    source: str

    @cached_property
    def architecture(self) -> Architecture:
        """What memory needs to know of it."""
        return from_config(self.config, self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """All names it goes by."""
        return (self.name, *self.aliases)


@dataclass(frozen=True)
class Regime:
    """From this version on, memory behaves so."""

    since: tuple[int, ...]
    regime: str
    memory_utilization: float


@dataclass(frozen=True)
class EngineRow:
    """An engine and its regimes from old to new."""

    name: EngineName
    aliases: tuple[str, ...]
    default_version: str
    regimes: tuple[Regime, ...]
    source: str

    def at(self, version: str | None = None) -> EngineVersion:
        """The engine at a version: "0.19.0", "v0.19", "~0.11"; None is the catalogue's default.

        A version that holds no number is an InputError.
        """
        wanted = version or self.default_version
        numbers = _numbers(wanted)
        if not numbers:
            raise InputError("engine version", wanted, f"Write a number, e.g. {self.default_version}.")
        regime = next((r for r in reversed(self.regimes) if r.since <= numbers), self.regimes[0])
        return EngineVersion(self.name, wanted.strip("~<>= v"), regime.regime, regime.memory_utilization)


@dataclass(frozen=True)
class Catalogue:
    """All rows, in the order of the files."""

    gpus: tuple[Gpu, ...]
    models: tuple[ModelRow, ...]
    quantizations: tuple[Quantization, ...]
    engines: tuple[EngineRow, ...]

    def gpu(self, name: str) -> Gpu:
        """A GPU by name, alias or the product label of a node."""
        return _find("GPU", name, self.gpus, lambda row: (row.name, *row.aliases, *row.products), _gpu_key)

    def model(self, name: str) -> ModelRow:
        """A model by its Hub name, its last part, or an alias; with the quantization that the name ends in."""
        base, quantization = split_encoding(name)
        found = _find("model", base, self.models, lambda row: row.names, model_key)
        if quantization is None:
            return found
        config = {**found.config, "quantization_config": _DECLARED[quantization]}
        return replace(found, name=name, config=config)

    def quantization(self, name: str) -> Quantization:
        """A quantization by name or alias."""
        return _find("quantization", name, self.quantizations, lambda row: (row.name, *row.aliases), _plain)

    def engine(self, name: str, version: str | None = None) -> EngineVersion:
        """An engine at a version; "vllm 0.19.0" and "vLLM ~0.11" are read too."""
        written = re.match(r"^\s*([A-Za-z][A-Za-z.\-]*?)[\s:=@]+[~v]*(b?\d.*)$", name)
        if written and version is None:
            name, version = written[1], written[2].split()[0]
        row = _find("engine", name, self.engines, lambda row: (row.name, *row.aliases), _plain)
        return row.at(version)


def load() -> Catalogue:
    """Read the data files of the package."""
    return Catalogue(
        gpus=tuple(_row(Gpu, row) for row in read("gpus.yaml")),
        models=tuple(_row(ModelRow, row) for row in read("models.yaml")),
        quantizations=tuple(_row(Quantization, row) for row in read("quantizations.yaml")),
        engines=tuple(_engine(row) for row in read("engines.yaml")),
    )


_DEFAULTS: dict[str, Any] = {"aliases": (), "products": (), "gated": False, "arm64": False}


def _row(kind: type[Row], row: Mapping[str, Any]) -> Row:
    """A typed row: lists become tuples, what a row leaves out is its default or None."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := set(row) - known:
        raise ValueError(f"{row.get('name')}: unknown fields {sorted(unknown)}")
    values = {name: row.get(name, _DEFAULTS.get(name)) for name in known}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    if kind is Gpu:
        values["total_is_estimated"] = bool(values["total_is_estimated"])
    return kind(**values)


def _engine(row: Mapping[str, Any]) -> EngineRow:
    regimes = tuple(
        Regime(_numbers(str(r["since"])), r["regime"], r["memory_utilization"]) for r in row["regimes"]
    )
    return EngineRow(row["name"], tuple(row["aliases"]), str(row["default_version"]), regimes, row["source"])


def _numbers(version: str) -> tuple[int, ...]:
    """0.24 is 0.24.0; empty where the version holds no number."""
    found = [int(n) for n in re.findall(r"\d+", version)[:3]]
    return (*found, *[0] * (3 - len(found))) if found else ()


def split_encoding(name: str) -> tuple[str, str | None]:
    """The name without the quantization that it ends in, and that quantization."""
    name = re.sub(r"\s*\(.*\)$|[ ](bf16|fp16|bfloat16|float16)$", "", name)
    lowered = name.strip().lower()
    for pattern, quantization in _ENCODINGS:
        if match := re.search(pattern, lowered):
            return name.strip()[: match.start()], quantization
    return name.strip(), None


def model_key(name: str) -> str:
    """A model's name without owner, case, punctuation and endings like -Instruct."""
    last = name.strip().split("/")[-1].lower()
    last = re.sub(r"^(meta|google|microsoft|nvidia|mistralai)[-_](?=llama|gemma|phi|mi)", "", last)
    while (shorter := _VARIANTS.sub("", last)) != last:
        last = shorter
    last = re.sub(r"[-_](instruct|chat|it)(?=[-_.])", "", last)
    return _plain(last)


def _gpu_key(name: str) -> str:
    key = re.sub(r"-shared$", "", name.strip().lower())
    key = re.sub(r"^(nvidia|tesla|geforce)[-_ ]+", "", re.sub(r"^nvidia[-_ ]+", "", key))
    return _plain(re.sub(r"^geforce[-_ ]+", "", key))


def _plain(name: str) -> str:
    """Letters, digits, and the points within numbers: opt-1.3b is not opt-13b."""
    return re.sub(r"[^a-z0-9.]+|(?<!\d)\.|\.(?!\d)", "", name.lower())


def _find(
    what: str,
    name: str,
    rows: Sequence[Row],
    names: Callable[[Row], tuple[str, ...]],
    key: Callable[[str], str],
) -> Row:
    """The row of that name; the full name wins over an alias, and the first row over a later one."""
    wanted = key(name)
    for exact, spelt in ((True, str), (False, str), (True, _pointless), (False, _pointless)):
        for row in rows:
            known = names(row)
            if wanted and any(spelt(key(k)) == spelt(wanted) for k in (known[:1] if exact else known)):
                return row
    near = nearest(wanted, {names(row)[0]: tuple(key(k) for k in names(row)) for row in rows})
    raise InputError(what, name, f"Unknown {what} {name!r}. Nearest: {', '.join(near)}.")


def _pointless(key: str) -> str:
    return key.replace(".", "")


def nearest(wanted: str, names: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The three names most alike, by the best of the keys of each."""
    scored = sorted(
        (-max(_likeness(wanted, key) for key in keys), len(written), written)
        for written, keys in names.items()
    )
    return [written for _, _, written in scored[:_NEAREST]]


def _likeness(wanted: str, key: str) -> float:
    return SequenceMatcher(None, wanted, key).ratio() + (0.1 if key[:1] == wanted[:1] else 0.0)
