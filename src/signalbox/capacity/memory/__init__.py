"""Memory of one GPU: its allocations, the memory left for the KV cache, and whether the engine starts.

The arithmetic is pure. `budget` loads the constants that belong to the engine; everything below receives them.
"""

from __future__ import annotations

from signalbox.capacity.budget import Budget
from signalbox.capacity.memory import llamacpp, sglang, tgi, vllm
from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.memory.gguf.tables import load_gguf_tables
from signalbox.capacity.spec import Spec

__all__ = ["budget", "open_limit"]


def open_limit(spec: Spec) -> Spec:
    """The spec with what depends on the memory: the limit of sequences where the engine's default does not start, and
    the layers of llama.cpp that fit.
    """
    if spec.engine.name == "llamacpp":
        return llamacpp.settled(spec, load_gguf_tables())
    return vllm.open_limit(spec, load_constants()) if spec.engine.name == "vllm" else spec


def budget(spec: Spec) -> Budget:
    """The memory budget of one GPU; with pipeline stages, of the one that limits the cache."""
    if spec.engine.name in ("llamacpp", "ollama"):
        return llamacpp.budget(spec, load_gguf_tables())
    if spec.engine.name == "tgi":
        return tgi.budget(spec, load_constants())
    if spec.engine.name == "sglang":
        return sglang.budget(spec, load_constants())
    return vllm.budget(spec, load_constants())  # NIM's generic profiles run vLLM
