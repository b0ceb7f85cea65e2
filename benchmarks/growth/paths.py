"""The paths of the page, by their section in sections.yaml: how each is measured, and at which sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.growth import in_process, served
from benchmarks.growth.cost import Growth

Measure = Callable[[Sequence[int], int], list[Growth]]


@dataclass(frozen=True)
class Path:
    """A measurement by sizes and rounds, its sizes, and how often each is measured."""

    measure: Measure
    sizes: tuple[int, ...]
    rounds: int = 3


PATHS: dict[str, Path] = {
    "texts": Path(served.texts, (1, 4, 16, 64)),
    "clients": Path(served.clients, (1, 4, 16, 64)),
    "append": Path(in_process.store_append, (1_000, 4_000, 16_000, 64_000)),
    "newest": Path(in_process.store_newest, (1_000, 4_000, 16_000, 64_000)),
    "columns": Path(in_process.store_columns, (1_000, 5_000, 25_000, 125_000)),
    "drift": Path(in_process.drift, (1_000, 10_000, 100_000, 1_000_000)),
    "certificate": Path(in_process.certificate, (100, 400, 1_600, 6_400)),
    "training": Path(in_process.training, (5, 15, 30, 60), rounds=1),
    "model-servers": Path(served.model_servers, (1, 4, 16, 64)),
}
