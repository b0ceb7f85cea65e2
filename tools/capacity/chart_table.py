"""The fit table that Helm templates check against: the planner's results on a whole grid, as compact JSON.

A template cannot do the arithmetic, so it looks results up:

    cells[engine][model][quantization][tensor]     one string: a cell for each GPU in the order of `gpus`, with
                                                   blanks between; a string without a blank is one cell for all
    CONTEXT:KTOKENS     fits up to CONTEXT tokens a request (m: the model's maximum); thousands of tokens of cache
    0:N                 does not fit; N is an index of `options`, - for none
    rR:N                refused; R is an index of `reasons`, N as above

Every cell is judged with `concurrency` requests at once, so it holds for fewer ones too. Slices of a GPU have cells
for tensor 1 only; the others are `-`, written once at the end of a row. `heads` of a model are its attention and its
key-value heads, `splits` the numbers of GPUs that its layers divide by. `terms` has what a message needs, in MiB a GPU. chart_files.py has the other parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from signalbox.capacity.datafile import read_yaml
from signalbox.capacity.memory import budget
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import auto_dtype
from signalbox.capacity.planner.plan import default_catalogue, judge
from signalbox.capacity.spec import Architecture, EngineVersion, Gpu, Quantization, Spec
from signalbox.capacity.support.matrix import load_support
from signalbox.capacity.support.parallelism import MOST_GPUS, uneven_split
from signalbox.capacity.units import MIB, ceil_div
from tools.capacity import DATA
from tools.capacity.chart_files import FILE_TYPES, any_model, bits, file_entries

# Levels of the table whose entries have lines of their own: engine, model, quantization.
_EXPANDED_LEVELS = {
    "cells": 3,
    "terms": 3,
    "models": 1,
    "reasons": 1,
    "options": 1,
    "files": 1,
    "any_model": 2,
}
_STEP = 16
_MAXIMUM, _NONE = "m", "-"
Place = tuple[Quantization, int, Gpu]


@dataclass(frozen=True)
class Cell:
    """One result: the longest context that fits (0: none) and the tokens of cache there, or what refuses."""

    max_context: int
    kv_tokens: int
    refused: str = ""


def cell(spec: Spec) -> Cell:
    """The longest context that fits, in steps of 16: a shorter one fits where a longer one does."""
    longest = spec.model.max_positions
    whole = judge(replace(spec, context=longest))
    if whole.refusals:
        return Cell(0, 0, whole.refusals[0].reason)
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
        tried = budget(replace(spec, context=middle * _STEP))
        low, high, tokens = (middle, high, tried.kv_tokens) if tried.fits else (low, middle, tokens)
    return Cell(low * _STEP, tokens)


@dataclass
class Grid:
    """Cells of one engine, each worked out once."""

    engine: EngineVersion
    gpus: Sequence[Gpu]
    quantizations: Sequence[Quantization]
    tensors: Sequence[int]
    only_published: Sequence[str]
    context: int
    concurrency: int
    cells: dict[tuple[str, str, int, str], Cell] = field(default_factory=dict)

    def quantizations_of(self, model: Architecture) -> list[Quantization]:
        """Those that a model is covered in."""
        own = model.checkpoint_quantization
        return [
            row
            for row in self.quantizations
            if row.name not in self.only_published or row.name.removeprefix("gguf-") == own
        ]

    def of(self, model: Architecture, place: Place) -> Cell:
        """The cell, from the planner."""
        quantization, tensor, gpu = place
        key = (model.name, quantization.name, tensor, gpu.name)
        if key not in self.cells:
            self.cells[key] = cell(self.spec(model, place))
        return self.cells[key]

    def spec(self, model: Architecture, place: Place) -> Spec:
        """What the cell stands for."""
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
        wanted = min(self.context, model.max_positions)
        for row, tensor, gpu in self._changes(place):
            covered = row in self.quantizations_of(model)
            if covered and self.of(model, (row, tensor, gpu)).max_context >= wanted:
                return f"{row.name} {tensor} {gpu.name}"
        return ""

    def _changes(self, place: Place) -> Iterator[Place]:
        """Another quantization (as the support rules advise), more GPUs, another GPU, then two of them."""
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


@dataclass
class _Index:
    """Strings by number, so that each is written once."""

    texts: dict[str, int] = field(default_factory=dict)

    def of(self, text: str) -> str:
        return str(self.texts.setdefault(text, len(self.texts))) if text else _NONE


def helm_table(catalogue: Catalogue | None = None, models: Sequence[str] | None = None) -> dict[str, Any]:
    """The whole table; `models` takes only these of the catalogue."""
    rows, covers = catalogue or default_catalogue(), _coverage()
    architectures = [rows.model(name).architecture for name in models or covers["models"]]
    reasons, options = _Index(), _Index()
    cells: dict[str, Any] = {}
    terms: dict[str, Any] = {}
    for engine in covers["quantizations"]:
        made = default_grid(engine) if catalogue is None else grid(engine, rows)
        cells[engine] = {model.name: _model_cells(made, model, reasons, options) for model in architectures}
        terms[engine] = {model.name: _terms(made, model) for model in architectures}
    general = any_model(rows, lambda reason, option: f"r{reasons.of(reason)}:{options.of(option)}")
    return {
        "about": "tools.capacity.chart_table: cells are the planner's results, see the module's text",
        "engines": {engine: rows.engine(engine).version for engine in cells},
        "context": covers["context"],
        "concurrency": covers["concurrency"],
        "gpus": [gpu.name for gpu in rows.gpus],
        "total_mib": [gpu.total_bytes // MIB for gpu in rows.gpus],
        "models": {model.name: _names(rows, model) for model in architectures},
        "reasons": list(reasons.texts),
        "options": list(options.texts),
        "cells": cells,
        "terms": terms,
        "file_types": ["checkpoint", *FILE_TYPES],
        "files": file_entries(rows),
        "bits": bits(rows),
        "any_model": general,
    }


@cache
def default_grid(engine: str) -> Grid:
    """The grid of an engine over the package's catalogue; its cells are worked out when asked for, once."""
    return grid(engine, default_catalogue())


def grid(engine: str, rows: Catalogue) -> Grid:
    """An empty grid of an engine in its default version, over what data/chart_table.yaml covers."""
    covers = _coverage()
    return Grid(
        engine=rows.engine(engine),
        gpus=rows.gpus,
        quantizations=[rows.quantization(name) for name in covers["quantizations"][engine]],
        tensors=covers["tensor"],
        only_published=covers["only_published"],
        context=covers["context"],
        concurrency=covers["concurrency"],
    )


def _names(rows: Catalogue, model: Architecture) -> dict[str, Any]:
    return {
        "max": model.max_positions,
        "heads": [model.heads, model.kv_heads],
        "splits": [size for size in range(1, MOST_GPUS + 1) if uneven_split(model, size) is None],
        "aliases": list(rows.model(model.name).aliases),
    }


def _model_cells(made: Grid, model: Architecture, reasons: _Index, options: _Index) -> dict[str, Any]:
    return {
        quantization.name: {
            str(tensor): _row(
                [_written(made, model, (quantization, tensor, gpu), reasons, options) for gpu in made.gpus]
            )
            for tensor in made.tensors
        }
        for quantization in made.quantizations_of(model)
    }


def _row(written: list[str]) -> str:
    """One text: cells that all GPUs share, or that end the row, are written once."""
    wholes = set(written) - {_NONE}
    if len(wholes) == 1:
        return wholes.pop()
    last = max(i for i, text in enumerate(written) if text != _NONE)
    return " ".join(written[: last + 2])


def _written(made: Grid, model: Architecture, place: Place, reasons: _Index, options: _Index) -> str:
    _, tensor, gpu = place
    if gpu.slice_of is not None and tensor > 1:
        return _NONE
    found = made.of(model, place)
    if found.max_context > 0:
        context = _MAXIMUM if found.max_context == model.max_positions else str(found.max_context)
        return f"{context}:{found.kv_tokens // 1000}"
    first = f"r{reasons.of(found.refused)}" if found.refused else "0"
    return f"{first}:{options.of(made.nearest(model, place))}"


def _terms(made: Grid, model: Architecture) -> dict[str, dict[str, str]]:
    """`WEIGHTS FIXED PER_TOKEN` by quantization and tensor: MiB, MiB, bytes; FIXED on the largest GPU."""
    largest = max(made.gpus, key=lambda gpu: gpu.total_bytes)
    found: dict[str, dict[str, str]] = {}
    for quantization in made.quantizations_of(model):
        for tensor in made.tensors:
            memory = judge(made.spec(model, (quantization, tensor, largest))).budget
            fixed = sum(
                term.bytes for term in memory.terms if term.name in ("activation", "graphs", "non_torch")
            )
            weights = memory.term("weights")
            text = (
                f"{(weights.bytes if weights else 0) // MIB} {fixed // MIB} {memory.kv_bytes_per_token:.0f}"
            )
            found.setdefault(quantization.name, {})[str(tensor)] = text
    return found


@cache
def _coverage() -> dict[str, Any]:
    coverage: dict[str, Any] = read_yaml(DATA / "chart_table.yaml")
    return coverage


def table_file() -> str:
    """The table as the chart reads it: one row a line, so that a difference between two versions can be read."""
    return "{\n" + ",\n".join(_entries(helm_table(), _EXPANDED_LEVELS)) + "\n}\n"


def _entries(table: dict[str, Any], levels: dict[str, int]) -> Iterator[str]:
    for key, value in table.items():
        yield f"{json.dumps(key)}:{_expanded(value, levels.get(key, 0))}"


def _expanded(value: Any, levels: int) -> str:  # noqa: ANN401 - JSON
    """JSON with the entries of the outermost `levels` on lines of their own."""
    if levels == 0:
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, list):
        return "[\n" + ",\n".join(_expanded(item, levels - 1) for item in value) + "\n]"
    rows = (f"{json.dumps(key)}:{_expanded(item, levels - 1)}" for key, item in value.items())
    return "{\n" + ",\n".join(rows) + "\n}"
