"""Encoders (BERT, RoBERTa, ModernBERT): no cache of keys and values, and no head; they embed or classify texts.

The counts are those of the checkpoints with their pooling layer: 109,482,240 for bert-base-uncased, 567,754,752 for bge-m3.
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


# Those that vLLM 0.24.0 serves (model_executor/models/registry.py), and some that it does not.
ENCODERS: dict[str, Encoder] = {
    "bert": Encoder(),
    "roberta": Encoder(reserved=2),
    "xlm-roberta": Encoder(reserved=2),
    "modernbert": Encoder(biased=False, gated=True, learned_positions=False),
}
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
    )


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
        pooling = hidden * hidden + hidden
        other = layers * (9 * hidden + inner) + 2 * hidden + pooling
    else:  # two norms a layer but the first, whose input is normed already, and one before and after all
        other = (2 * layers - 1) * hidden + 2 * hidden
    return Parameters(embedding=tables * hidden, head=0, linear=linear, experts=0, other=other, vision=0)
