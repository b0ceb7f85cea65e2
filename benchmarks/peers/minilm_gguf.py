"""MiniLM as GGUF for llama.cpp: `python -P minilm_gguf.py PACKAGE_FOLDER TARGET F16|Q8_0`, in the peer's own environment.

Architecture `bert` with mean pooling. The names of the fields and tensors are those that llama.cpp's own converter writes
(https://github.com/ggml-org/llama.cpp/blob/master/conversion/bert.py), which no package has. Vectors stay in fp32.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

BUILD = 1  # raise when the file changes: it is part of the name in the cache
# Fields of config.json → methods of gguf.GGUFWriter.
_SIZES = {
    "max_position_embeddings": "add_context_length",
    "hidden_size": "add_embedding_length",
    "intermediate_size": "add_feed_forward_length",
    "num_hidden_layers": "add_block_count",
    "num_attention_heads": "add_head_count",
    "layer_norm_eps": "add_layer_norm_eps",
    "type_vocab_size": "add_token_type_count",
}
# Marks of the tokenizer → methods of gguf.GGUFWriter. `bert` names the mark of the start `bos`.
_MARKS = {
    "[CLS]": "add_bos_token_id",
    "[SEP]": "add_sep_token_id",
    "[UNK]": "add_unk_token_id",
    "[PAD]": "add_pad_token_id",
    "[MASK]": "add_mask_token_id",
}
_PARTS = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
# llama.cpp adds these to activations, so they stay in fp32.
_FLOATS = ("embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight")
_WORD_START = "\u2581"


def tensor_name(name: str) -> str | None:
    """The name in GGUF of a tensor in safetensors; None for what embeddings do not need."""
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    if not name.startswith("encoder.layer."):
        return None
    layer, rest = name.removeprefix("encoder.layer.").split(".", 1)
    part, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{_PARTS[part]}.{kind}"


def piece(token: str, is_mark: bool) -> str:
    """A token of WordPiece as llama.cpp has it: the start of a word is marked, not the rest of it."""
    if is_mark:
        return token
    return token[2:] if token.startswith("##") else _WORD_START + token


def write(folder: Path, target: Path, weights: str) -> None:
    """The file, with these matrices of the linear layers and of the words."""
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    writer = gguf.GGUFWriter(target, "bert")
    writer.add_name("MiniLM-L6-v2")
    for field, method in _SIZES.items():
        getattr(writer, method)(config[field])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{weights}"])
    _add_tokens(writer, gguf.TokenType, tokenizer)
    for name, tensor in load_file(folder / "model.safetensors").items():
        if (new_name := tensor_name(name)) is not None:
            is_matrix = tensor.ndim == 2 and name not in _FLOATS
            kind = gguf.GGMLQuantizationType[weights if is_matrix else "F32"]
            writer.add_tensor(new_name, gguf.quants.quantize(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokens(writer: Any, types: Any, tokenizer: dict[str, Any]) -> None:
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    marks = {row["content"] for row in tokenizer["added_tokens"]}
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece(token, token in marks) for token in tokens])
    writer.add_token_types([types.CONTROL if token in marks else types.NORMAL for token in tokens])
    for mark, method in _MARKS.items():
        getattr(writer, method)(vocabulary[mark])


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
