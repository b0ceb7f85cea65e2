"""The ONNX graph against an independent forward pass in numpy, and int8 against fp32."""

import json
import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from pipelines.train import minilm
from signalbox.contracts.encoders import DISABLED_OPTIMIZERS, INDEPENDENT_ROWS

TEXTS = [
    "Socio-medical indication for the aid is confirmed.",
    "No specific findings can be derived from the diagnosis.",
    "Die Indikation für das Hilfsmittel wird bestätigt.",
    "A",
]


def reference(text: str) -> np.ndarray:
    """BERT as in the paper, one text, no batching, exact GELU."""
    folder = minilm.package_folder()
    w = load_file(folder / "model.safetensors")
    heads = json.loads((folder / "config.json").read_text())["num_attention_heads"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    ids = tokenizer.encode(text).ids

    def norm(x, name):
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / np.sqrt(var + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    e = "embeddings."
    x = w[e + "word_embeddings.weight"][ids] + w[e + "position_embeddings.weight"][: len(ids)]
    x = norm(x + w[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
    size = x.shape[1] // heads
    for i in range(6):
        p = f"encoder.layer.{i}."
        q, k, v = (linear(x, f"{p}attention.self.{n}") for n in ("query", "key", "value"))
        mixed = []
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            scores = q[:, part] @ k[:, part].T / math.sqrt(size)
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            mixed.append(weights / weights.sum(-1, keepdims=True) @ v[:, part])
        x = norm(x + linear(np.hstack(mixed), f"{p}attention.output.dense"), f"{p}attention.output.LayerNorm")
        wide = linear(x, f"{p}intermediate.dense")
        wide = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        x = norm(x + linear(wide, f"{p}output.dense"), f"{p}output.LayerNorm")
    pooled = x.mean(0)
    return pooled / np.linalg.norm(pooled)


def embed(path: Path, texts: list[str]) -> np.ndarray:
    tokenizer = Tokenizer.from_file(str(minilm.package_folder() / "tokenizer.json"))
    tokenizer.enable_padding()
    rows = tokenizer.encode_batch(texts)
    feed = {
        "input_ids": np.array([row.ids for row in rows]),
        "attention_mask": np.array([row.attention_mask for row in rows]),
    }
    session = onnxruntime.InferenceSession(path, disabled_optimizers=list(DISABLED_OPTIMIZERS))
    return session.run(["sentence_embedding"], feed)[0]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "full.onnx"
    onnx.save(minilm.build(minilm.package_folder()), path)
    return path


def test_graph_equals_the_reference(full: Path) -> None:
    expected = np.array([reference(text) for text in TEXTS])
    np.testing.assert_allclose(embed(full, TEXTS), expected, atol=2e-6)


def test_padding_changes_nothing(full: Path) -> None:
    np.testing.assert_allclose(embed(full, TEXTS)[3], embed(full, TEXTS[3:])[0], atol=1e-6)


def test_int8_stays_close_and_small(full: Path, tmp_path: Path) -> None:
    small = minilm.ensure_onnx(tmp_path)
    cosine = (embed(full, TEXTS) * embed(small, TEXTS)).sum(1)
    assert cosine.min() > 0.985
    assert small.stat().st_size < 25_000_000


def test_a_row_of_the_int8_model_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    small = minilm.ensure_onnx(tmp_path)
    alone = np.vstack([embed(small, [text]) for text in TEXTS])
    np.testing.assert_allclose(embed(small, TEXTS), alone, atol=1e-6)
    properties = onnxruntime.InferenceSession(small).get_modelmeta().custom_metadata_map
    assert properties.items() >= INDEPENDENT_ROWS.items()


def test_the_cache_is_used(tmp_path: Path) -> None:
    first = minilm.ensure_onnx(tmp_path)
    stamp = first.stat().st_mtime_ns
    assert minilm.ensure_onnx(tmp_path) == first
    assert first.stat().st_mtime_ns == stamp
