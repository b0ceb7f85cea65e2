"""The fit table that Helm templates check against: the planner's results on a whole grid, as compact JSON.

A template cannot do the arithmetic, so it looks up results:

    cells[engine][model][quantization][tensor]     one string: a cell for each GPU in the order of `gpus`,
                                                   separated by blanks; a string without a blank is one cell for all
    CONTEXT:KTOKENS     fits up to CONTEXT tokens a request (m: the model's maximum); thousands of tokens of cache
    0:N                 does not fit; N is an index of `options`, - for none
    rR:N                unsupported; R is an index of `reasons`, N as above

Every cell is computed with `concurrency` concurrent requests, so it is valid for fewer ones too. Slices of a GPU have cells
for tensor 1 only; the others are `-`, written once at the end of a row. `heads` of a model are its attention and its
key-value heads, `splits` the numbers of GPUs that its layers divide by. `terms` has the numbers of a message, in MiB per
GPU. chart_files.py describes the other parts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.evaluate import evaluate_spec
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.spec import Architecture
from signalbox.capacity.support.parallelism import MOST_GPUS, uneven_split
from signalbox.capacity.units import MIB
from tools.capacity.chart_files import FILE_TYPES, any_model, bits, file_entries
from tools.capacity.chart_grid import Grid, Place, coverage, default_grid, grid

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
_MAXIMUM, _NONE = "m", "-"


@dataclass
class _Index:
    """Strings by number, so that the file has each once."""

    texts: dict[str, int] = field(default_factory=dict)

    def of(self, text: str) -> str:
        return str(self.texts.setdefault(text, len(self.texts))) if text else _NONE


def helm_table(catalogue: Catalogue | None = None, models: Sequence[str] | None = None) -> dict[str, Any]:
    """The whole table, or its part for some `models` of the catalogue."""
    rows, covers = catalogue or default_catalogue(), coverage()
    architectures = [rows.model(name).architecture for name in models or covers["models"]]
    reasons, options = _Index(), _Index()
    cells: dict[str, Any] = {}
    terms: dict[str, Any] = {}
    for engine in covers["quantizations"]:
        engine_grid = default_grid(engine) if catalogue is None else grid(engine, rows)
        cells[engine] = {
            model.name: _model_cells(engine_grid, model, reasons, options) for model in architectures
        }
        terms[engine] = {model.name: _terms(engine_grid, model) for model in architectures}
    general = any_model(rows, lambda reason, option: f"r{reasons.of(reason)}:{options.of(option)}")
    return {
        "about": "tools.capacity.chart_table: cells are the planner's results, see the module's text",
        "engines": {engine: rows.engine(engine).version for engine in cells},
        "context": covers["context"],
        "concurrency": covers["concurrency"],
        "gpus": [gpu.name for gpu in rows.gpus if gpu.tabled],
        "total_mib": [gpu.total_bytes // MIB for gpu in rows.gpus if gpu.tabled],
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


def _names(rows: Catalogue, model: Architecture) -> dict[str, Any]:
    return {
        "max": model.max_positions,
        "heads": [model.heads, model.kv_heads],
        "splits": [size for size in range(1, MOST_GPUS + 1) if uneven_split(model, size) is None],
        "aliases": list(rows.model(model.name).aliases),
    }


def _model_cells(engine_grid: Grid, model: Architecture, reasons: _Index, options: _Index) -> dict[str, Any]:
    return {
        quantization.name: {
            str(tensor): _row(
                [
                    _cell(engine_grid, model, (quantization, tensor, gpu), reasons, options)
                    for gpu in engine_grid.gpus
                ]
            )
            for tensor in engine_grid.tensors
        }
        for quantization in engine_grid.quantizations_of(model)
    }


def _row(cells: list[str]) -> str:
    """One text: a cell that all GPUs share, and those without a value at the end, are written once."""
    distinct = set(cells) - {_NONE}
    if len(distinct) == 1:
        return distinct.pop()
    last = max(index for index, cell in enumerate(cells) if cell != _NONE)
    return " ".join(cells[: last + 2])


def _cell(engine_grid: Grid, model: Architecture, place: Place, reasons: _Index, options: _Index) -> str:
    _, tensor, gpu = place
    if gpu.slice_of is not None and tensor > 1:
        return _NONE
    cell = engine_grid.of(model, place)
    if cell.max_context > 0:
        context = _MAXIMUM if cell.max_context == model.max_positions else str(cell.max_context)
        return f"{context}:{cell.kv_tokens // 1000}"
    first = f"r{reasons.of(cell.violation)}" if cell.violation else "0"
    return f"{first}:{options.of(engine_grid.nearest(model, place))}"


def _terms(engine_grid: Grid, model: Architecture) -> dict[str, dict[str, str]]:
    """`WEIGHTS FIXED PER_TOKEN` by quantization and tensor: MiB, MiB, bytes; FIXED on the largest GPU."""
    largest = max(engine_grid.gpus, key=lambda gpu: gpu.total_bytes)
    terms: dict[str, dict[str, str]] = {}
    for quantization in engine_grid.quantizations_of(model):
        for tensor in engine_grid.tensors:
            memory = evaluate_spec(engine_grid.spec(model, (quantization, tensor, largest))).budget
            fixed = sum(
                term.bytes for term in memory.terms if term.name in ("activation", "graphs", "non_torch")
            )
            weights = memory.term("weights")
            text = (
                f"{(weights.bytes if weights else 0) // MIB} {fixed // MIB} {memory.kv_bytes_per_token:.0f}"
            )
            terms.setdefault(quantization.name, {})[str(tensor)] = text
    return terms


def table_file() -> str:
    """The table as the chart reads it: one row a line, so that a diff between two versions can be read."""
    rows = (_entry(key, value, _EXPANDED_LEVELS.get(key, 0)) for key, value in helm_table().items())
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _entry(key: str, value: Any, levels: int) -> str:  # noqa: ANN401 - JSON
    return f"{json.dumps(key)}:{_expanded(value, levels)}"


def _expanded(value: Any, levels: int) -> str:  # noqa: ANN401 - JSON
    """JSON with the entries of the outermost `levels` on lines of their own."""
    if levels == 0:
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, list):
        return "[\n" + ",\n".join(_expanded(item, levels - 1) for item in value) + "\n]"
    rows = (_entry(key, item, levels - 1) for key, item in value.items())
    return "{\n" + ",\n".join(rows) + "\n}"
