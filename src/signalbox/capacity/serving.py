"""Kinds of serving in addition to plain text generation: adapters, speculation, offloading, expert and data parallelism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SpeculativeMethod = Literal["draft", "mtp", "ngram"]
ALL_THAT_FIT = "auto"
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # vLLM 0.24.0, config/lora.py; it has 1 too


@dataclass(frozen=True)
class Lora:
    """Slots for LoRA adapters in the GPU's memory, each of `rank` at most."""

    adapters: int
    rank: int


@dataclass(frozen=True)
class Speculative:
    """Speculative decoding of `tokens` tokens per step. `model` is the draft's name as typed, empty for other methods."""

    method: SpeculativeMethod
    tokens: int
    model: str = ""


@dataclass(frozen=True)
class Serving:
    """What a server does in addition to the plain one; the defaults are the plain one.

    `offload_gib`: GiB of weights per GPU that vLLM keeps in the host's memory. `gpu_layers`: layers that llama.cpp
    keeps on GPUs, `auto` for as many as fit; one more than the model's includes the output matrix.
    """

    lora: Lora | None = None
    speculative: Speculative | None = None
    pooling: bool = False
    offload_gib: float = 0.0
    gpu_layers: int | Literal["auto"] | None = None
    data_parallel: int = 1
    expert_parallel: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What differs from the plain server, for messages."""
        parts = {
            "LoRA adapters": self.lora is not None,
            "speculative decoding": self.speculative is not None,
            "the pooling runner": self.pooling,
            "weights in the host's memory": self.offload_gib > 0 or self.gpu_layers is not None,
            "data parallelism": self.data_parallel > 1,
            "expert parallelism": self.expert_parallel,
        }
        return tuple(name for name, differs in parts.items() if differs)


PLAIN = Serving()
