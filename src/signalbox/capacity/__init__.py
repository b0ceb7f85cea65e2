"""Capacity planner: which model fits on which GPU, how many concurrent requests, and how to start it.

`plan(Request(model="llama-3.1-8b", gpu="l4"))` answers one request, `rank` orders models over an inventory of GPUs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signalbox.capacity.answers.rank import Ranking, rank
    from signalbox.capacity.planner.plan import plan
    from signalbox.capacity.planner.request import Request
    from signalbox.capacity.planner.result import Plan

__all__ = ["Plan", "Ranking", "Request", "plan", "rank"]

_MODULES = {
    "Plan": "planner.result",
    "Ranking": "answers.rank",
    "Request": "planner.request",
    "plan": "planner.plan",
    "rank": "answers.rank",
}


def __getattr__(name: str) -> object:
    """The public names, loaded on first use: the command line imports this package before it needs them."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"signalbox.capacity.{_MODULES[name]}"), name)
