"""The grid of models, quantizations, GPUs and tensor-parallel sizes whose results the chart's table has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from signalbox.capacity.datafile import read_yaml
from signalbox.capacity.memory import budget
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import auto_dtype
from signalbox.capacity.planner.evaluate import evaluate_spec
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.spec import Architecture, EngineVersion, Gpu, Quantization, Spec
from signalbox.capacity.support.matrix import load_support
from signalbox.capacity.units import ceil_div
from tools.capacity import DATA

_STEP = 16
Place = tuple[Quantization, int, Gpu]


@dataclass(frozen=True)
class Cell:
    """One result: the longest context that fits (0: none) and the tokens of cache there, or the violated rule."""

    max_context: int
    kv_tokens: int
    violation: str = ""


def cell(spec: Spec) -> Cell:
    """The longest context that fits, in steps of 16: a shorter one fits where a longer one does."""
    longest = spec.model.max_positions
    whole = evaluate_spec(replace(spec, context=longest))
    if whole.violations:
        return Cell(0, 0, whole.violations[0].reason)
    if whole.fits:
        return Cell(longest, whole.budget.kv_tokens)
    low, high, tokens = 0, ceil_div(longest, _STEP), 0  # in steps: low fits, high does not
    # Where every layer keeps every token, the cache's size is the answer; elsewhere it halves the search.
    guess = min(whole.budget.kv_tokens // _STEP, high - 2)
    tries = [guess, guess + 1] if guess > 0 else [1]
    while high - low > 1:
        middle = tries.pop(0) if tries else (low + high) // 2
        if not low < middle < high:
            continue
        memory = budget(replace(spec, context=middle * _STEP))
        low, high, tokens = (middle, high, memory.kv_tokens) if memory.fits else (low, middle, tokens)
    return Cell(low * _STEP, tokens)


@dataclass
class Grid:
    """Cells of one engine, each computed once."""

    engine: EngineVersion
    gpus: Sequence[Gpu]
    quantizations: Sequence[Quantization]
    tensors: Sequence[int]
    only_published: Sequence[str]
    context: int
    concurrency: int
    cells: dict[tuple[str, str, int, str], Cell] = field(default_factory=dict)

    def quantizations_of(self, model: Architecture) -> list[Quantization]:
        """The quantizations that the table has for a model."""
        own = model.checkpoint_quantization
        return [
            row
            for row in self.quantizations
            if row.name not in self.only_published or row.name.removeprefix("gguf-") == own
        ]

    def of(self, model: Architecture, place: Place) -> Cell:
        quantization, tensor, gpu = place
        key = (model.name, quantization.name, tensor, gpu.name)
        if key not in self.cells:
            self.cells[key] = cell(self.spec(model, place))
        return self.cells[key]

    def spec(self, model: Architecture, place: Place) -> Spec:
        quantization, tensor, gpu = place
        return Spec(
            model=model,
            gpu=gpu,
            engine=self.engine,
            quantization=quantization,
            dtype=auto_dtype(model, gpu, quantization),
            context=min(self.context, model.max_positions),
            tensor_parallel=tensor,
            concurrency=self.concurrency,
        )

    def nearest(self, model: Architecture, place: Place) -> str:
        """`quantization tensor gpu` of the smallest change that fits the table's context, "" for none."""
        context = min(self.context, model.max_positions)
        for row, tensor, gpu in self._changes(place):
            covered = row in self.quantizations_of(model)
            if covered and self.of(model, (row, tensor, gpu)).max_context >= context:
                return f"{row.name} {tensor} {gpu.name}"
        return ""

    def _changes(self, place: Place) -> Iterator[Place]:
        """Another quantization (in the support rules' order), more GPUs, another GPU, then two changes at once."""
        quantization, tensor, gpu = place
        advised = load_support().instead.get(quantization.name, ())
        others = sorted(
            (row for row in self.quantizations if row != quantization),
            key=lambda row: advised.index(row.name) if row.name in advised else len(advised),
        )
        more = [n for n in self.tensors if n > tensor and gpu.slice_of is None]
        wholes = sorted((row for row in self.gpus if row.slice_of is None), key=lambda row: row.total_gib)
        yield from ((row, tensor, gpu) for row in others)
        yield from ((quantization, n, gpu) for n in more)
        yield from ((quantization, tensor, row) for row in wholes)
        yield from ((row, n, gpu) for n in more for row in others)
        yield from ((row, n, other) for n in self.tensors for other in wholes for row in self.quantizations)


@cache
def default_grid(engine: str) -> Grid:
    """The grid of an engine over the package's catalogue; a cell is computed on first use."""
    return grid(engine, default_catalogue())


def grid(engine: str, rows: Catalogue) -> Grid:
    """An empty grid of an engine in its default version, with the coverage of data/chart_table.yaml."""
    covers = coverage()
    return Grid(
        engine=rows.engine(engine),
        gpus=[gpu for gpu in rows.gpus if gpu.tabled],
        quantizations=[rows.quantization(name) for name in covers["quantizations"][engine]],
        tensors=covers["tensor"],
        only_published=covers["only_published"],
        context=covers["context"],
        concurrency=covers["concurrency"],
    )


@cache
def coverage() -> dict[str, Any]:
    """data/chart_table.yaml, which defines what the table covers."""
    table: dict[str, Any] = read_yaml(DATA / "chart_table.yaml")
    return table
