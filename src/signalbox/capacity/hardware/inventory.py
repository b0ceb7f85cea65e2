"""Owned GPUs as people write them, for example 2xT4,1xL4."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from signalbox.capacity.hardware.instances import check_not_instance, instance
from signalbox.capacity.spec import Gpu
from signalbox.errors import InputError

_COUNTED = (
    re.compile(r"^(?P<count>[-+]?\d+)\s*[xX\u00d7*]\s*(?P<name>\S.*)$"),  # 2xL4, 2× L4
    re.compile(r"^(?P<count>[-+]?\d+)\s+(?P<name>[A-Za-z]\S*.*)$"),  # 4 L4
    re.compile(r"^(?P<name>\S.*?)\s*[xX\u00d7*:]\s*(?P<count>\d+)$"),  # L4x4, L4 x 4, L4:4
)
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
    """Count and kind of "2xL4", "4 L4", "L4x4" or a cloud machine; the count is None where there is none.

    `find` looks a GPU up. Raises InputError for a count out of range; `field` is the option that the message names.
    """
    text = text.strip()
    if not text:
        raise InputError(field, text, "Specify a GPU, for example L4 or 2xL4.")
    count, name = _split(text, find)
    if count is not None and not 1 <= count <= _LARGEST_COUNT:
        raise InputError(field, text, f"The count must be between 1 and {_LARGEST_COUNT}.")
    if (machine := instance(name)) is not None:
        each, gpu = machine
        return (count or 1) * each, find(gpu)
    check_not_instance(name, field)
    return count, find(name)


def _split(text: str, find: Callable[[str], Gpu]) -> tuple[int | None, str]:
    """Count and name; a name that ends in x and a number, such as one of a product, is not taken apart."""
    for pattern in _COUNTED[:2]:
        if match := pattern.match(text):
            return int(match["count"]), match["name"]
    match = _COUNTED[2].match(text)
    if match is None or instance(text) is not None or _is_name(text, find):
        return None, text
    return int(match["count"]), match["name"]


def _is_name(text: str, find: Callable[[str], Gpu]) -> bool:
    try:
        find(text)
    except InputError:
        return False
    return True


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
