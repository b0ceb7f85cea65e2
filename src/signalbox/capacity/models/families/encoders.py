"""Encoders (BERT, RoBERTa, ModernBERT): no cache of keys and values; they embed or classify texts.

The counts are those of the checkpoints with their pooling layer or classifier, and without a head for masked words:
109,482,240 for bert-base-uncased, 567,754,752 for bge-m3, 567,755,777 for bge-reranker-v2-m3.
"""

from __future__ import annotations

from dataclasses import dataclass

from signalbox.capacity.models.shape import Config, get
from signalbox.capacity.spec import Architecture, Parameters
from signalbox.errors import InputError


@dataclass(frozen=True)
class Encoder:
    """Traits of one model_type. `reserved`: positions that no token has (RoBERTa's start behind the padding's)."""

    biased: bool = True
    gated: bool = False
    learned_positions: bool = True
    reserved: int = 0
    classes: tuple[str, ...] = ()  # of vLLM


# Those that vLLM 0.24.0 serves (model_executor/models/registry.py), and some that it does not.
ENCODERS: dict[str, Encoder] = {
    "bert": Encoder(classes=("BertModel", "BertForSequenceClassification", "BertForTokenClassification")),
    "roberta": Encoder(
        reserved=2, classes=("RobertaModel", "RobertaForMaskedLM", "RobertaForSequenceClassification")
    ),
    "xlm-roberta": Encoder(reserved=2, classes=("XLMRobertaModel", "XLMRobertaForSequenceClassification")),
    "modernbert": Encoder(
        biased=False,
        gated=True,
        learned_positions=False,
        classes=(
            "ModernBertModel",
            "ModernBertForSequenceClassification",
            "ModernBertForTokenClassification",
        ),
    ),
}
_CLASSIFIER = "ForSequenceClassification"
_LABELS = 2  # of a config.json that names none (transformers, configuration_utils.py)
UNSERVED = ("albert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "mpnet", "xlm", "xlnet")


def is_encoder(config: Config) -> bool:
    """Whether a config.json is one of an encoder that is planned. Raises InputError for one that vLLM does not serve."""
    kind = str(config.get("model_type") or "")
    if kind in UNSERVED:
        problem = (
            f"vLLM 0.24.0 has no class for the encoder `{kind}`, and no other engine of the chart serves it"
        )
        hint = (
            "use a BERT, RoBERTa or ModernBERT model, or serve it on a CPU with the encoder of this project"
        )
        raise InputError("model_type", kind, hint, problem=problem)
    return kind in ENCODERS


def encoder_architecture(config: Config, name: str) -> Architecture:
    """The architecture of an encoder. Raises InputError for missing sizes."""
    traits = ENCODERS[str(config["model_type"])]
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "intermediate_size")
    missing = [key for key in keys if get(config, key) is None]
    if missing:
        problem = f"config.json ({config['model_type']}) has no {', '.join(missing)}."
        raise InputError(
            "config.json", config["model_type"], "Use the model's complete config.json.", problem=problem
        )
    hidden, layers, heads, vocab, inner = (int(get(config, key)) for key in keys)
    positions = int(get(config, "max_position_embeddings") or 512)
    return Architecture(
        name=name,
        family=str(config["model_type"]),
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        intermediate=inner,
        vocab=vocab,
        max_positions=positions - traits.reserved,
        tied=True,
        moe=None,
        kv_groups=(),
        parameters=_parameters(config, traits, positions),
        dtype=str(get(config, "torch_dtype") or "float32"),
        softcap=False,
        checkpoint_quantization=None,
        gated=traits.gated,
        assumptions=_assumptions(config, traits),
    )


def _assumptions(config: Config, traits: Encoder) -> tuple[str, ...]:
    """That a class is not vLLM's own: it then runs the one of Transformers, if that is compatible (registry.py)."""
    name = _class(config)
    if not name or name in traits.classes:
        return ()
    return (
        f"vLLM 0.24.0 has no class {name}: it falls back to the one of Transformers, whose memory was not compared",
    )


def _class(config: Config) -> str:
    return next(iter(config.get("architectures") or ()), "")


def _parameters(config: Config, traits: Encoder, positions: int) -> Parameters:
    """Weights of embeddings, layers and the pooling layer; biases and norms."""
    hidden, layers = int(get(config, "hidden_size")), int(get(config, "num_hidden_layers"))
    inner, vocab = int(get(config, "intermediate_size")), int(get(config, "vocab_size"))
    tables = vocab
    if traits.learned_positions:
        tables += positions + int(config.get("type_vocab_size") or 0)
    matrices = 3 if traits.gated else 2
    linear = layers * (4 * hidden * hidden + matrices * hidden * inner)
    if traits.biased:
        other = layers * (9 * hidden + inner) + 2 * hidden
    else:  # two norms a layer but the first, whose input is normed already, and one before and after all
        other = (2 * layers - 1) * hidden + 2 * hidden
    other += _pooling(config, traits, hidden)
    return Parameters(embedding=tables * hidden, head=0, linear=linear, experts=0, other=other, vision=0)


def _pooling(config: Config, traits: Encoder, hidden: int) -> int:
    """The pooling layer of BERT and RoBERTa, or a classifier: a layer like it and the labels.

    ModernBERT's classifier has a norm in place of the bias, which is as large.
    """
    layer = hidden * hidden + hidden
    if not _class(config).endswith(_CLASSIFIER):
        return layer if traits.biased else 0
    labels = int(config.get("num_labels") or len(config.get("id2label") or ()) or _LABELS)
    bias = hidden if config.get("classifier_bias") and not traits.biased else 0
    return layer + bias + labels * (hidden + 1)
