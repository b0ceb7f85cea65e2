"""Sentence encoders of a release: their names, and the files that its folder has of each.

The jobs write these files and the encoder service reads them, so the names are here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signalbox.errors import SetupError

MAX_TOKENS = 256  # of a text, including the marks of its start and end; the rest is cut off
# What the service accepts, which bounds its memory: texts of one request, characters of one text.
MAX_TEXTS = 256
MAX_CHARACTERS = 20_000
# Property of an ONNX file whose rows do not depend on their batch. Texts of other files are computed alone.
INDEPENDENT_ROWS = {"signalbox.rows": "independent"}
# ONNX Runtime 1.32 fuses a residual and a layer norm to an operator that takes four times as long as both.
DISABLED_OPTIMIZERS = ("SkipLayerNormFusion",)


@dataclass(frozen=True)
class SentenceEncoder:
    """One network: its name for people, its two files in a release, and the length of its vectors.

    `model` is an ONNX graph from `input_ids` and `attention_mask`, int64 [n, tokens], to `sentence_embedding`, float32
    [n, dimension] with rows of length 1. `tokenizer` is a file of the library tokenizers. A run of the network has at
    most `tokens` tokens, padding included, which bounds its memory.
    """

    title: str
    model: str
    tokenizer: str
    dimension: int
    quantization: str
    tokens: int


NETWORKS: Mapping[str, SentenceEncoder] = {
    "minilm": SentenceEncoder("MiniLM-L6-v2", "model.onnx", "tokenizer.json", 384, "int8", 1024),
    "use": SentenceEncoder("USE-multilingual-v3", "use.onnx", "use.tokenizer.json", 512, "6-bit", 4096),
}
# What `encoder` in release.json may say → the networks whose vectors are put side by side, in this order.
# TF-IDF has no network: its words and weights are in head.json.
ENCODERS: Mapping[str, tuple[str, ...]] = {
    "minilm": ("minilm",),
    "use": ("use",),
    "both": ("minilm", "use"),
    "tfidf": (),
}


def networks_of(encoder: str) -> tuple[SentenceEncoder, ...]:
    """The networks behind a name of `ENCODERS`. Raises SetupError for another name."""
    if encoder not in ENCODERS:
        raise SetupError(
            f"encoder: got `{encoder}`, which is none of {', '.join(ENCODERS)}.",
            hint="Train again with `signalbox train`, or update Signalbox.",
        )
    return tuple(NETWORKS[name] for name in ENCODERS[encoder])


def encoder_of(release: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    """The name that `release.json` has; releases from before it had one are of MiniLM or TF-IDF."""
    default = "tfidf" if head.get("kind") == "tfidf-logistic" else "minilm"
    return str(release.get("encoder", default))


def title_of(encoder: str) -> str:
    """The name for people, such as `MiniLM-L6-v2 + USE-multilingual-v3`."""
    return " + ".join(network.title for network in networks_of(encoder)) or "TF-IDF"


def quantization_of(encoder: str) -> str:
    """The quantization of the weights, in the order of the networks; `none` where there are none."""
    return "+".join(network.quantization for network in networks_of(encoder)) or "none"
