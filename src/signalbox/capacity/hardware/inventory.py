"""Owned GPUs as people write them, for example 2xT4,1xL4."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from signalbox.capacity.spec import Gpu
from signalbox.errors import InputError

_COUNTED = re.compile(r"^(?P<count>[-+]?\d+)\s*[xX\u00d7*]\s*(?P<name>\S.*)$")
_LARGEST_COUNT = 4096


@dataclass(frozen=True)
class Pool:
    """GPUs of one kind. `in_one_node`: how many of them a tensor-parallel group can span without a network."""

    gpu: Gpu
    count: int
    in_one_node: int

    @property
    def name(self) -> str:
        """As `parse_gpu` reads it: 2xl4."""
        return f"{self.count}x{self.gpu.name}"


def parse_gpu(text: str, find: Callable[[str], Gpu], field: str = "--gpu") -> tuple[int | None, Gpu]:
    """Count and kind of "2xL4" or "2× L4"; the count is None where there is none. `find` looks a GPU up.

    Raises InputError for a count out of range; `field` is the option that the message names.
    """
    text = text.strip()
    if not text:
        raise InputError(field, text, "Specify a GPU, for example L4 or 2xL4.")
    match = _COUNTED.match(text)
    if match is None:
        return None, find(text)
    count = int(match["count"])
    if not 1 <= count <= _LARGEST_COUNT:
        raise InputError(field, text, f"The count must be between 1 and {_LARGEST_COUNT}.")
    return count, find(match["name"])


def parse_gpus(text: str, find: Callable[[str], Gpu]) -> tuple[Pool, ...]:
    """The pools of "2xT4,1xL4". GPUs of one kind are assumed to be in one host."""
    parts = [part for part in text.split(",") if part.strip()]
    if not parts:
        raise InputError("--gpus", text, "List the GPUs you own, for example 2xT4,1xL4.")
    parsed = [parse_gpu(part, find, "--gpus") for part in parts]
    return merge((Pool(gpu, count or 1, count or 1) for count, gpu in parsed), same_host=True)


def merge(pools: Iterable[Pool], *, same_host: bool = False) -> tuple[Pool, ...]:
    """One pool per kind, in order of appearance; nodes stay apart unless they are one host."""
    merged: dict[str, Pool] = {}
    for pool in pools:
        before = merged.get(pool.gpu.name)
        if before is None:
            merged[pool.gpu.name] = pool
            continue
        count = before.count + pool.count
        largest = count if same_host else max(before.in_one_node, pool.in_one_node)
        merged[pool.gpu.name] = Pool(pool.gpu, count, largest)
    return tuple(merged.values())
