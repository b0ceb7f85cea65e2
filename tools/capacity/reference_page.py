"""The generated page docs/reference/capacity.md: the fit matrix and the catalogue with its sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from signalbox.capacity.datafile import read, read_yaml
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.spec import Architecture, Gpu, Quantization
from tools.capacity import DATA
from tools.capacity.chart_table import Grid, default_grid, grid
from tools.docs import HEADER

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
_REFUSED, _NOWHERE = "✕", "·"
_INTRO = """# Capacity: which model fits on which GPU

`signalbox plan` answers for one set-up, see [how to plan](../guides/plan.md). This page is the whole catalogue that it
works with. All memory is GiB of 2^30 bytes.
"""
_MATRIX_INTRO = """## Fit matrix

The fewest GPUs (1, 2, 4 or 8, by tensor parallelism) that hold one request of {context:,} tokens on vLLM {version}, its
limit of requests set to {concurrency}, everything else the engine's default. `{nowhere}`: not even 8 of them.
`{refused}`: refused, the GPU, the engine or the model lack what the quantization needs. A model that is published
quantized has one row.
"""


def capacity_page(catalogue: Catalogue | None = None) -> str:
    """The page. Works out the whole grid: about a minute."""
    rows = catalogue or default_catalogue()
    covers = read_yaml(DATA / "chart_table.yaml")
    made = default_grid("vllm") if catalogue is None else grid("vllm", rows)
    models = [rows.model(name).architecture for name in covers["models"]]
    parts = [
        HEADER + _INTRO,
        _MATRIX_INTRO.format(
            context=covers["context"],
            version=made.engine.version,
            concurrency=covers["concurrency"],
            nowhere=_NOWHERE,
            refused=_REFUSED,
        ),
        *_matrix(made, models, rows),
        *_catalogue_tables(rows),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _matrix(made: Grid, models: Sequence[Architecture], rows: Catalogue) -> Iterator[str]:
    wholes = sorted((gpu for gpu in rows.gpus if gpu.slice_of is None), key=lambda gpu: gpu.total_gib)
    head = ["model", "quantization", *(f"{gpu.name} ({gpu.total_gib:g})" for gpu in wholes)]
    lines = []
    for model in models:
        for quantization in _quantizations(model, made):
            cells = [_fewest(made, model, quantization, gpu) for gpu in wholes]
            if any(cell not in (_REFUSED, _NOWHERE) for cell in cells):
                lines.append([model.name.split("/")[-1], quantization.name, *cells])
    yield _table(head, lines)


def _quantizations(model: Architecture, made: Grid) -> list[Quantization]:
    own = model.checkpoint_quantization
    return [row for row in made.quantizations_of(model) if (row.name == own if own else row.name in _MATRIX)]


def _fewest(made: Grid, model: Architecture, quantization: Quantization, gpu: Gpu) -> str:
    wanted = min(made.context, model.max_positions)
    found = [(tensor, made.of(model, (quantization, tensor, gpu))) for tensor in made.tensors]
    for tensor, cell in found:
        if cell.max_context >= wanted:
            return str(tensor)
    return _REFUSED if all(cell.refused for _, cell in found) else _NOWHERE


def _catalogue_tables(rows: Catalogue) -> Iterator[str]:
    yield "## GPUs\n\nThe total is what CUDA shows, the base of every budget; `~`: estimated. TFLOPS are dense.\n"
    yield _table(
        [
            "GPU",
            "total",
            "GB/s",
            "16 bit",
            "FP8",
            "FP4",
            "capability",
            "W",
            "NVLink GB/s",
            "product label",
            "source",
        ],
        [_gpu(gpu) for gpu in rows.gpus],
    )
    yield "\n## Models\n"
    yield _table(
        ["model", "parameters", "layers", "longest context", "KV bytes a token", "license", "source"],
        [_model(row.architecture, row.license, row.source) for row in rows.models],
    )
    yield "\n## Quantizations\n\nBits a weight, scales included; empty: the 16 bits of the checkpoint.\n"
    yield _table(
        ["quantization", "linear", "experts", "embedding", "head", "computes in", "engines", "source"],
        [_quantization(row) for row in rows.quantizations],
    )
    yield "\n## Engines\n\nA regime is a range of versions that use memory in the same way.\n"
    yield _table(
        ["engine", "from version", "regime", "share of the GPU", "source"],
        [
            [
                row.name,
                str(regime.since),
                regime.regime,
                f"{regime.memory_utilization:g}",
                row.source,
            ]
            for row in rows.engines
            for regime in row.regimes
        ],
    )
    yield "\n## Measured constants\n\nWith the rows they were read from; every other measured case is a test.\n"
    yield _table(["constant", "value", "rows or source"], list(_constants(read("constants.yaml"))))
    yield "\n## Node labels\n\nHow a node of a cluster names its GPU, in the order tried.\n"
    yield _table(["label", "value", "GPU"], list(_labels(read("nodes.yaml"))))


def _gpu(gpu: Gpu) -> list[str]:
    return [
        gpu.name,
        f"{'~' if gpu.total_is_estimated else ''}{gpu.total_gib:g}",
        *(_number(n) for n in (gpu.bandwidth_gbps, gpu.fp16_tflops, gpu.fp8_tflops, gpu.fp4_tflops)),
        f"{gpu.compute_capability:.1f}",
        _number(gpu.tdp_watts),
        _number(gpu.nvlink_gbps),
        ", ".join(gpu.products),
        gpu.source,
    ]


def _model(model: Architecture, license_: str, source: str) -> list[str]:
    per_token = sum(
        group.layers * group.kv_heads * (group.key_dim + group.value_dim) * 2
        for group in model.kv_groups
        if group.kind != "state"
    )
    return [
        model.name,
        f"{model.parameters.total:,}",
        str(model.layers),
        f"{model.max_positions:,}",
        f"{per_token:,}",
        license_,
        source,
    ]


def _quantization(row: Quantization) -> list[str]:
    bits = (row.linear_bits, row.expert_bits, row.embedding_bits, row.head_bits)
    return [row.name, *(_number(n) for n in bits), row.compute, ", ".join(row.engines), row.source]


def _constants(tree: Any, path: tuple[str, ...] = ()) -> Iterator[list[str]]:  # noqa: ANN401 - YAML
    """Leaves of constants.yaml; what stands beside a leaf as `rows` or `source` is where it comes from."""
    if not isinstance(tree, dict):
        yield [".".join(path), _leaf(tree), ""]
        return
    rows, source = tree.get("rows"), tree.get("source")
    origin = "; ".join(filter(None, [", ".join(map(str, rows or ())), str(source or "")]))
    for key, value in tree.items():
        if key in ("rows", "source"):
            continue
        for name, shown, inner in _constants(value, (*path, str(key))):
            yield [name, shown, inner or origin]


def _leaf(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _labels(table: dict[str, Any]) -> Iterator[list[str]]:
    for row in table["labels"]:
        for value, options in (row["values"] or {"(product)": [{"gpu": "by its product label"}]}).items():
            yield [row["label"], str(value), " or ".join(option["gpu"] for option in options)]
    for value, gpu in table["instances"].items():
        yield [table["instance_label"], f"{value}…" if value.endswith(".") else value, gpu]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_line(head), "|" + "---|" * len(head), *(_line(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
