"""The generated page docs/reference/capacity.md: the fit matrix and the catalogue with its sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from signalbox.capacity.datafile import read
from signalbox.capacity.gpu_names import product
from signalbox.capacity.memory import kv_cache
from signalbox.capacity.models.catalogue import Catalogue, EngineRegime, EngineRow, ModelRow
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.spec import Architecture, Gpu, Quantization
from tools.capacity.chart_grid import Grid, coverage, default_grid, grid
from tools.docs import HEADER

_GUIDE = "../guides/plan.md"
_MATRIX = (
    "bf16",
    "fp16",
    "fp8",
    "fp8-marlin",
    "fp8-block",
    "w8a8-int8",
    "gptq-int8",
    "awq-int4",
    "bnb-nf4",
    "mxfp4",
    "nvfp4",
)
_GPU_COLUMNS = (
    *("GPU", "total", "GB/s", "16 bit", "FP8", "FP4", "capability", "W", "NVLink GB/s"),
    *("product label", "source"),
)
_MODEL_COLUMNS = (
    "model",
    "parameters",
    "layers",
    "longest context",
    "KV bytes per token",
    "license",
    "source",
)
_QUANTIZATION_COLUMNS = (
    *("quantization", "linear", "experts", "embedding", "head", "computes in"),
    *("engines", "source"),
)
_ENGINE_COLUMNS = ("engine", "from version", "regime", "share of the GPU", "source")
_NO_CACHE = "none"  # of an encoder
_UNSUPPORTED, _NOWHERE = "✕", "·"
_INTRO = """# Capacity: which model fits on which GPU

`signalbox plan` answers for one configuration ([guide]({guide})). This page has the fit matrix, and the catalogue and
the constants behind it. Memory is in GiB of 2^30 bytes.
"""
_MATRIX_INTRO = """## Fit matrix

The smallest number of GPUs (1, 2, 4 or 8, by tensor parallelism) that fits one request of {context:,} tokens on vLLM
{version} with a limit of {concurrency} concurrent requests and otherwise the engine's defaults. `{nowhere}`: 8 GPUs do
not fit it. `{unsupported}`: unsupported, the GPU, the engine or the model does not meet the requirements of the
quantization. A model that is published quantized has one row.
"""


def capacity_page(catalogue: Catalogue | None = None) -> str:
    """The page. Computing the whole grid needs about 20 seconds."""
    rows = catalogue or default_catalogue()
    covers = coverage()
    engine_grid = default_grid("vllm") if catalogue is None else grid("vllm", rows)
    models = [rows.model(name).architecture for name in covers["models"]]
    parts = [
        HEADER + _INTRO.format(guide=_GUIDE),
        _MATRIX_INTRO.format(
            context=covers["context"],
            version=engine_grid.engine.version,
            concurrency=covers["concurrency"],
            nowhere=_NOWHERE,
            unsupported=_UNSUPPORTED,
        ),
        *_matrix(engine_grid, models, rows),
        *_catalogue_tables(rows, engine_grid),
        *_data_tables(),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _matrix(engine_grid: Grid, models: Sequence[Architecture], rows: Catalogue) -> Iterator[str]:
    wholes = sorted(
        (gpu for gpu in rows.gpus if gpu.slice_of is None and gpu.tabled), key=lambda gpu: gpu.total_gib
    )
    head = ["model", "quantization", *(f"{gpu.product} ({gpu.total_gib:g})" for gpu in wholes)]
    lines = []
    for model in models:
        for quantization in _quantizations(model, engine_grid):
            cells = [_fewest(engine_grid, model, quantization, gpu) for gpu in wholes]
            if any(cell not in (_UNSUPPORTED, _NOWHERE) for cell in cells):
                lines.append([model.name.split("/")[-1], quantization.name, *cells])
    yield _table(head, lines)


def _quantizations(model: Architecture, engine_grid: Grid) -> list[Quantization]:
    own = model.checkpoint_quantization
    return [
        row
        for row in engine_grid.quantizations_of(model)
        if (row.name == own if own else row.name in _MATRIX)
    ]


def _fewest(engine_grid: Grid, model: Architecture, quantization: Quantization, gpu: Gpu) -> str:
    context = min(engine_grid.context, model.max_positions)
    cells = [(tensor, engine_grid.of(model, (quantization, tensor, gpu))) for tensor in engine_grid.tensors]
    for tensor, cell in cells:
        if cell.max_context >= context:
            return str(tensor)
    return _UNSUPPORTED if all(cell.violation for _, cell in cells) else _NOWHERE


def _catalogue_tables(rows: Catalogue, engine_grid: Grid) -> Iterator[str]:
    yield "## GPUs\n\nThe total is the memory that CUDA reports, the base of every budget; `~`: estimated. TFLOPS are dense.\n"
    yield _table(_GPU_COLUMNS, [_gpu(gpu) for gpu in rows.gpus])
    yield "\n## Models\n"
    yield _table(_MODEL_COLUMNS, [_model(row, engine_grid) for row in rows.models])
    yield "\n## Quantizations\n\nBits per weight, scales included; empty: the 16 bits of the checkpoint.\n"
    yield _table(_QUANTIZATION_COLUMNS, [_quantization(row) for row in rows.quantizations])
    yield "\n## Engines\n\nA regime is a range of versions that use memory in the same way.\n"
    yield _table(_ENGINE_COLUMNS, [_regime(row, regime) for row in rows.engines for regime in row.regimes])


def _data_tables() -> Iterator[str]:
    yield "\n## Measured constants\n\nWith the measured cases they were read from; every other case is a test.\n"
    yield _table(["constant", "value", "rows or source"], list(_constants(read("constants.yaml"))))
    yield "\n## Node labels\n\nThe labels by which a node of a cluster names its GPU, in this order.\n"
    yield _table(["label", "value", "GPU"], list(_labels(read("nodes.yaml"))))


def _gpu(gpu: Gpu) -> list[str]:
    return [
        gpu.product,
        f"{'~' if gpu.total_is_estimated else ''}{gpu.total_gib:g}",
        *(_number(n) for n in (gpu.bandwidth_gbps, gpu.fp16_tflops, gpu.fp8_tflops, gpu.fp4_tflops)),
        f"{gpu.compute_capability:.1f}" if gpu.has_rules else gpu.vendor,
        _number(gpu.tdp_watts),
        _number(gpu.nvlink_gbps),
        ", ".join(gpu.products),
        gpu.source,
    ]


def _model(row: ModelRow, engine_grid: Grid) -> list[str]:
    model = row.architecture
    sixteen_bit = engine_grid.spec(model, (engine_grid.quantizations[0], 1, engine_grid.gpus[0]))
    return [
        model.name,
        f"{model.parameters.total:,}",
        str(model.layers),
        f"{model.max_positions:,}",
        f"{kv_cache.bytes_per_token(sixteen_bit):,.0f}" if row.generates else _NO_CACHE,
        row.license,
        row.source,
    ]


def _regime(row: EngineRow, regime: EngineRegime) -> list[str]:
    return [row.name, str(regime.since), regime.regime, f"{regime.memory_utilization:g}", row.source]


def _quantization(row: Quantization) -> list[str]:
    bits = (row.linear_bits, row.expert_bits, row.embedding_bits, row.head_bits)
    return [row.name, *(_number(n) for n in bits), row.compute, ", ".join(row.engines), row.source]


def _constants(tree: Any, path: tuple[str, ...] = ()) -> Iterator[list[str]]:  # noqa: ANN401 - YAML
    """Leaves of constants.yaml; `rows` or `source` next to a leaf is its origin."""
    if not isinstance(tree, dict):
        yield [".".join(path), _leaf(tree), ""]
        return
    rows, source = tree.get("rows"), tree.get("source")
    origin = "; ".join(filter(None, [", ".join(map(str, rows or ())), str(source or "")]))
    for key, value in tree.items():
        if key in ("rows", "source"):
            continue
        for name, text, inner in _constants(value, (*path, str(key))):
            yield [name, text, inner or origin]


def _leaf(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _labels(table: dict[str, Any]) -> Iterator[list[str]]:
    for row in table["labels"]:
        if row["values"] is None:
            yield [row["label"], "(product)", "by its product label"]
        for value, options in (row["values"] or {}).items():
            yield [row["label"], str(value), " or ".join(product(option["gpu"]) for option in options)]
    for value, gpu in table["instances"].items():
        yield [table["instance_label"], f"{value}…" if value.endswith(".") else value, product(gpu)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_line(head), "|" + "---|" * len(head), *(_line(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
