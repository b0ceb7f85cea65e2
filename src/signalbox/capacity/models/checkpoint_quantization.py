"""The quantization that a config.json declares: read where an engine's rule covers it, else rejected by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from signalbox.capacity.models.shape import Config, text_config
from signalbox.capacity.models.unquantized import ignored_modules
from signalbox.errors import InputError

_GROUP = 128  # weights that share a scale, unless the declaration says so
_SCALE_BITS = 16
_FOUR, _EIGHT = 4, 8


@dataclass(frozen=True)
class StoredQuantization:
    """A declaration: the catalogue's name, bits of a linear weight where they differ from the catalogue's, modules
    that stay in 16 bits."""

    name: str
    bits: float | None = None
    ignored: tuple[str, ...] = ()


def stored_quantization(config: Config) -> StoredQuantization | None:
    """The declared quantization, None for 16 bits. An InputError names a method or a width that nothing covers."""
    declaration = config.get("quantization_config") or text_config(config).get("quantization_config")
    if not isinstance(declaration, Mapping) or not declaration:
        return None
    method = str(declaration.get("quant_method") or "").lower().removeprefix("intel/")
    if not method and "quant_algo" in declaration:
        method = "modelopt"
    if method not in _METHODS:
        raise _refused("quant_method", method or "none", f"known are {', '.join(sorted(_METHODS))}")
    stored = _METHODS[method](declaration)
    return StoredQuantization(stored.name, stored.bits, ignored_modules(declaration))


def checkpoint_quantization(config: Config) -> str | None:
    """Name of the quantization that config.json declares, as the catalogue spells it; None when 16 bit."""
    stored = stored_quantization(config)
    return stored.name if stored else None


def _refused(key: str, value: object, why: str) -> InputError:
    problem = f"config.json: quantization_config.{key} `{value}` is not covered: {why}"
    hint = "use another checkpoint of the model, or plan the 16-bit one with --quantization"
    return InputError(f"quantization_config.{key}", value, hint, problem=problem)


def _bits(declaration: Config) -> int:
    for key in ("bits", "w_bit", "nbits", "weight_bits"):
        if declaration.get(key) is not None:
            return int(declaration[key])
    return _FOUR


def _grouped(declaration: Config, extra: float) -> float | None:
    """Bits of a weight with scales: a group of 128 is the catalogue's. A group of -1 is a whole row."""
    size = next(
        (declaration[k] for k in ("group_size", "q_group_size") if declaration.get(k) is not None), _GROUP
    )
    group = int(size)
    if group == _GROUP:
        return None
    return float(_bits(declaration)) + (0.0 if group < 1 else (_SCALE_BITS + extra) / group)


def _gptq(declaration: Config) -> StoredQuantization:
    bits = _bits(declaration)
    if bits not in (_FOUR, _EIGHT):
        raise _refused("bits", bits, "GPTQ is planned in 4 and 8 bits")
    return StoredQuantization(f"gptq-int{bits}", _grouped(declaration, bits))


def _awq(declaration: Config) -> StoredQuantization:
    bits = _bits(declaration)
    if bits != _FOUR:
        raise _refused("bits", bits, "AWQ is planned in 4 bits")
    return StoredQuantization("awq-int4", _grouped(declaration, _SCALE_BITS))


def _auto_round(declaration: Config) -> StoredQuantization:
    """AutoRound packs as GPTQ or AWQ does; without a format it is symmetric GPTQ."""
    packing = str(declaration.get("packing_format") or declaration.get("backend") or "auto_gptq").lower()
    return _awq(declaration) if "awq" in packing else _gptq(declaration)


def _fp8(declaration: Config) -> StoredQuantization:
    return StoredQuantization("fp8-block" if declaration.get("weight_block_size") else "fp8")


def _modelopt(declaration: Config) -> StoredQuantization:
    inner = declaration.get("quantization")
    algorithm = str(declaration.get("quant_algo") or (inner or {}).get("quant_algo") or "").upper()
    names = {
        "FP8": "fp8",
        "FP8_PER_CHANNEL_PER_TOKEN": "fp8",
        "FP8_PB_WO": "fp8-block",
        "NVFP4": "nvfp4",
        "NVFP4_AWQ": "nvfp4",
    }
    if algorithm not in names:
        why = "its layers have different widths" if "MIXED" in algorithm else f"known are {', '.join(names)}"
        raise _refused("quant_algo", algorithm or "none", why)
    return StoredQuantization(names[algorithm])


def _compressed_tensors(declaration: Config) -> StoredQuantization:
    groups = declaration.get("config_groups") or {}
    rows = [row for row in groups.values() if isinstance(row, Mapping)] if isinstance(groups, Mapping) else []
    stored = {_group(row) for row in rows} or {StoredQuantization("w8a16")}
    if len(stored) > 1:
        raise _refused(
            "config_groups",
            " and ".join(sorted(row.name for row in stored)),
            "its layers have different widths",
        )
    return stored.pop()


def _group(row: Config) -> StoredQuantization:
    weights = row.get("weights") or {}
    bits, kind = int(weights.get("num_bits") or _EIGHT), str(weights.get("type") or "int")
    if bits not in (_FOUR, _EIGHT):
        raise _refused("config_groups", f"{bits} bits", "compressed-tensors are planned in 4 and 8 bits")
    if kind == "float":
        fp8 = "fp8-block" if weights.get("strategy") == "block" else "fp8"
        return StoredQuantization("nvfp4" if bits == _FOUR else fp8)
    if bits == _EIGHT:
        return StoredQuantization("w8a8-int8" if row.get("input_activations") else "w8a16")
    if row.get("input_activations"):
        raise _refused("config_groups", "4-bit weights with 8-bit activations", "no engine rule covers it")
    return StoredQuantization("w4a16", _grouped({**weights, "bits": _FOUR}, 0))


def _quark(declaration: Config) -> StoredQuantization:
    weight = (declaration.get("global_quant_config") or {}).get("weight") or {}
    if isinstance(weight, list):
        weight = weight[0] if weight else {}
    dtype = str(weight.get("dtype") or "none").lower()
    if declaration.get("layer_quant_config"):
        raise _refused("layer_quant_config", "set", "its layers have different widths")
    if dtype.startswith("fp8"):
        return StoredQuantization("fp8")
    if dtype == "int8":
        return StoredQuantization("w8a8-int8")
    raise _refused("global_quant_config.weight.dtype", dtype, "Quark is planned in fp8 and int8")


def _torchao(declaration: Config) -> StoredQuantization:
    kind = str(declaration.get("quant_type") or "none").lower()
    if "float8" in kind:
        return StoredQuantization("fp8")
    if "int8" in kind and "int4" not in kind:
        return StoredQuantization("w8a8-int8" if "dynamic" in kind else "w8a16")
    raise _refused(
        "quant_type", str(declaration.get("quant_type"))[:80], "torchao is planned in float8 and int8"
    )


def _bitsandbytes(declaration: Config) -> StoredQuantization:
    if declaration.get("load_in_8bit"):
        return StoredQuantization("int8")
    return StoredQuantization("bnb-nf4-dq" if declaration.get("bnb_4bit_use_double_quant") else "bnb-nf4")


_METHODS: Mapping[str, Callable[[Config], StoredQuantization]] = {
    "fp8": _fp8,
    "fbgemm_fp8": _fp8,
    "gptq": _gptq,
    "gptq_marlin": _gptq,
    "awq": _awq,
    "auto-round": _auto_round,
    "auto_round": _auto_round,
    "mxfp4": lambda _: StoredQuantization("mxfp4"),
    "gguf": lambda row: StoredQuantization(f"gguf-{row.get('type')}"),
    "modelopt": _modelopt,
    "modelopt_fp4": _modelopt,
    "compressed-tensors": _compressed_tensors,
    "quark": _quark,
    "torchao": _torchao,
    "bitsandbytes": _bitsandbytes,
}
