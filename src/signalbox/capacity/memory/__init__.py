"""Memory of one GPU: what is allocated, what is left for the KV cache, and whether the engine starts.

`budget` dispatches by engine and is pure: the same specification gives the same budget.
"""

from __future__ import annotations

from collections.abc import Callable

from signalbox.capacity.budget import Budget
from signalbox.capacity.memory import llamacpp, tgi, vllm
from signalbox.capacity.spec import EngineName, Spec

__all__ = ["budget"]

_ENGINES: dict[EngineName, Callable[[Spec], Budget]] = {
    "vllm": vllm.budget,
    "nim": vllm.budget,
    "tgi": tgi.budget,
    "llamacpp": llamacpp.budget,
    "ollama": llamacpp.budget,
}


def budget(spec: Spec) -> Budget:
    """The memory budget of one GPU; with pipeline stages, of the one that limits the cache."""
    return _ENGINES[spec.engine.name](spec)
