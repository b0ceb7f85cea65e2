"""Checkpoints that consist of headers only: files of the right size without data, to be read by range.

A stand-in for the weights of a model: its names, types and shapes are those of a public checkpoint.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

SIZES = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1, "I32": 4, "U8": 1, "I8": 1}
Rows = Mapping[str, tuple[str, Sequence[int]]]


def safetensors_header(tensors: Rows) -> bytes:
    rows, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = prod(shape) * SIZES[dtype]
        rows[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **rows}).encode()
    return struct.pack("<Q", len(text)) + text


def data_bytes(tensors: Rows) -> int:
    return sum(prod(shape) * SIZES[dtype] for dtype, shape in tensors.values())


def write_sparse(path: Path, header: bytes, size: int) -> None:
    """The header, then a hole in the size of the data: nothing of it is on the disk."""
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)


def write_checkpoint(folder: Path, config: Mapping[str, object], tensors: Rows, shards: int = 1) -> Path:
    """config.json, and safetensors files with an index where there are several."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    names = list(tensors)
    if shards == 1:
        write_sparse(folder / "model.safetensors", safetensors_header(tensors), data_bytes(tensors))
        return folder
    weight_map = {}
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: tensors[name] for name in names[number::shards]}
        write_sparse(folder / file, safetensors_header(part), data_bytes(part))
        weight_map |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def llama(config: Mapping[str, int], linear: str = "BF16") -> dict[str, tuple[str, list[int]]]:
    """The tensors of a Llama checkpoint with that config.json."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    keys = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    rows: dict[str, tuple[str, list[int]]] = {
        "model.embed_tokens.weight": ("BF16", [config["vocab_size"], hidden])
    }
    shapes = {
        "self_attn.q_proj": [hidden, hidden],
        "self_attn.k_proj": [keys, hidden],
        "self_attn.v_proj": [keys, hidden],
        "self_attn.o_proj": [hidden, hidden],
        "mlp.gate_proj": [inner, hidden],
        "mlp.up_proj": [inner, hidden],
        "mlp.down_proj": [hidden, inner],
    }
    for layer in range(config["num_hidden_layers"]):
        for name, shape in shapes.items():
            rows |= _stored(f"model.layers.{layer}.{name}", shape, linear)
        for name in ("input_layernorm", "post_attention_layernorm"):
            rows[f"model.layers.{layer}.{name}.weight"] = ("BF16", [hidden])
    rows["model.norm.weight"] = ("BF16", [hidden])
    rows["lm_head.weight"] = ("BF16", [config["vocab_size"], hidden])
    return rows


def _stored(name: str, shape: list[int], kind: str) -> dict[str, tuple[str, list[int]]]:
    out, into = shape
    if kind == "awq":
        return {
            f"{name}.qweight": ("I32", [into, out // 8]),
            f"{name}.qzeros": ("I32", [into // 128, out // 8]),
            f"{name}.scales": ("F16", [into // 128, out]),
        }
    if kind == "gptq":
        return {
            f"{name}.qweight": ("I32", [into // 8, out]),
            f"{name}.qzeros": ("I32", [into // 128, out // 8]),
            f"{name}.scales": ("F16", [into // 128, out]),
            f"{name}.g_idx": ("I32", [into]),
        }
    if kind == "fp8":
        return {
            f"{name}.weight": ("F8_E4M3", shape),
            f"{name}.weight_scale_inv": ("F32", [-(-out // 128), -(-into // 128)]),
        }
    return {f"{name}.weight": (kind, shape)}


def gguf_file(metadata: Mapping[str, object], tensors: Sequence[tuple[str, Sequence[int], int]]) -> bytes:
    """A GGUF header: metadata, then rows of (name, shape from the outer to the inner dimension, type)."""
    body = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        body += _text(key) + _value(value)
    for name, shape, kind in tensors:
        body += _text(name) + struct.pack("<I", len(shape))
        body += b"".join(struct.pack("<Q", size) for size in reversed(shape)) + struct.pack("<IQ", kind, 0)
    return body


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: object) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(item) for item in value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 5, len(value)) + b"".join(struct.pack("<i", item) for item in value)
    return struct.pack("<II", 4, int(str(value)))
