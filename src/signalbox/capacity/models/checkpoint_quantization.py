"""The quantization that a config.json declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from signalbox.capacity.models.shape import Config, text_config


def checkpoint_quantization(config: Config) -> str | None:
    """Name of the quantization that config.json declares, as the catalogue spells it; None when 16 bit."""
    declaration = config.get("quantization_config") or text_config(config).get("quantization_config")
    if not isinstance(declaration, Mapping):
        return None
    method = str(declaration.get("quant_method", "")).lower()
    bits = int(declaration.get("bits") or declaration.get("w_bit") or 4)
    methods: dict[str, Callable[[], str]] = {
        "fp8": lambda: "fp8-block" if declaration.get("weight_block_size") else "fp8",
        "fbgemm_fp8": lambda: "fp8",
        "gptq": lambda: "gptq-int8" if bits == 8 else "gptq-int4",
        "awq": lambda: "awq-int4",
        "mxfp4": lambda: "mxfp4",
        "gguf": lambda: f"gguf-{declaration.get('type')}",
        "modelopt": lambda: "nvfp4" if "FP4" in str(declaration.get("quant_algo", "")).upper() else "fp8",
        "compressed-tensors": lambda: _compressed_tensors(declaration),
        "bitsandbytes": lambda: _bitsandbytes(declaration),
    }
    return methods[method]() if method in methods else None


def _compressed_tensors(declaration: Config) -> str:
    groups = declaration.get("config_groups") or {}
    group: Config = next(iter(groups.values()), {}) if isinstance(groups, Mapping) else {}
    weights = group.get("weights") or {}
    bits, kind = int(weights.get("num_bits") or 8), str(weights.get("type") or "int")
    if kind == "float":
        return "nvfp4" if bits == 4 else ("fp8-block" if weights.get("strategy") == "block" else "fp8")
    if bits == 4:
        return "w4a16"
    return "w8a8-int8" if group.get("input_activations") else "w8a16"


def _bitsandbytes(declaration: Config) -> str:
    if declaration.get("load_in_8bit"):
        return "int8"
    return "bnb-nf4-dq" if declaration.get("bnb_4bit_use_double_quant") else "bnb-nf4"
