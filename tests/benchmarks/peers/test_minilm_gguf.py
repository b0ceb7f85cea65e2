"""The names of llama.cpp's file."""

import pytest
from safetensors import safe_open

from benchmarks.peers.minilm_gguf import piece, tensor_name
from pipelines.train import minilm


def test_each_tensor_of_the_network_has_one_name_and_the_pooler_none():
    with safe_open(minilm.package_folder() / "model.safetensors", "numpy") as file:
        names = {name: tensor_name(name) for name in file.keys()}  # noqa: SIM118 - no dictionary
    left_out = {name for name, new_name in names.items() if new_name is None}
    assert left_out == {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"}
    new_names = [name for name in names.values() if name is not None]
    assert len(set(new_names)) == len(new_names)
    assert names["encoder.layer.3.attention.output.LayerNorm.bias"] == "blk.3.attn_output_norm.bias"
    assert names["encoder.layer.3.output.dense.weight"] == "blk.3.ffn_down.weight"


@pytest.mark.parametrize(
    ("token", "is_mark", "expected"),
    [
        ("word", False, "\u2581word"),
        ("##ing", False, "ing"),
        ("[CLS]", True, "[CLS]"),
        ("[", False, "\u2581["),
    ],
)
def test_a_token_that_starts_a_word_is_marked(token, is_mark, expected):
    assert piece(token, is_mark) == expected
