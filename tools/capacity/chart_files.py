"""Parts of the chart's table that hold without a fit: sizes of the files, and what a GPU computes for any model.

file_types          quantizations in the order of the sizes; `checkpoint` is the one that the publisher stores
files[model]        MiB of the weight files in each of them, of all models of the catalog
bits                bits of a linear weight by quantization
any_model[engine][quantization]     one cell for each GPU, as in `cells`: "-" runs, rR:N does not
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from signalbox.capacity.memory.gguf.tables import load_gguf_tables
from signalbox.capacity.memory.gguf.weights import file_bytes, file_type
from signalbox.capacity.memory.weights import checkpoint_bytes
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import auto_dtype
from signalbox.capacity.spec import Architecture, EngineVersion, Gpu, Quantization, Spec
from signalbox.capacity.support.check import check
from signalbox.capacity.support.matrix import load_support
from signalbox.capacity.units import MIB

# 16-bit types have the same size, and so have the FP8 types; double-quantized files are read as the plain ones.
FILE_TYPES = [
    "bf16",
    "fp8",
    "w8a8-int8",
    "w8a16",
    "gptq-int8",
    "gptq-int4",
    "awq-int4",
    "w4a16",
    "bnb-nf4",
    "mxfp4",
    "nvfp4",
    "gguf-f16",
    "gguf-q8_0",
    "gguf-q6_k",
    "gguf-q5_k_m",
    "gguf-q5_k_s",
    "gguf-q5_0",
    "gguf-q4_k_m",
    "gguf-q4_k_s",
    "gguf-q4_0",
    "gguf-iq4_xs",
    "gguf-q3_k_m",
    "gguf-q2_k",
    "gguf-mxfp4",
]
_HALF_BITS = 16
# A dense model without features of its own: what the support rules say about it holds for any model.
_PLAIN_MODEL = "meta-llama/Llama-3.1-8B"
_ENGINES = ("vllm", "sglang", "tgi", "llamacpp", "ollama", "nim")


def file_mib(model: Architecture, quantization: Quantization) -> int:
    """MiB of the files of a checkpoint that is stored in this quantization."""
    if quantization.compute != "gguf":
        return -(-checkpoint_bytes(model, quantization) // MIB)
    tables = load_gguf_tables()
    size = file_bytes(model, file_type(quantization, tables), tables)
    return -(-(size.embedding + size.head + size.layers + size.vision) // MIB)


def model_files(rows: Catalogue, model: Architecture) -> str:
    """Sizes in MiB: of the files as their publisher stores them, and in the other `FILE_TYPES`."""
    dtype = "fp32" if model.dtype == "float32" else "bf16"
    names = (model.checkpoint_quantization or dtype, *FILE_TYPES)
    return " ".join(str(file_mib(model, rows.quantization(name))) for name in names)


def file_entries(rows: Catalogue) -> dict[str, dict[str, Any]]:
    """Names and sizes of every model of the catalog that generates text: the plan writes the size of an encoder."""
    return {
        row.name: {"aliases": list(row.aliases), "sizes": model_files(rows, row.architecture)}
        for row in rows.models
        if row.generates
    }


def bits(rows: Catalogue) -> dict[str, float]:
    """Bits of a linear weight by quantization, the expert's if only experts are quantized."""
    return {row.name: row.linear_bits or row.expert_bits or _HALF_BITS for row in rows.quantizations}


def any_model(rows: Catalogue, write: Callable[[str, str], str]) -> dict[str, dict[str, str]]:
    """The rows for a model without an entry. `write` numbers a reason and an option."""
    model = rows.model(_PLAIN_MODEL).architecture
    table: dict[str, dict[str, str]] = {}
    for name in _ENGINES:
        engine = rows.engine(name)
        supported = [
            row for row in rows.quantizations if name in row.engines and load_support().row(name, row.name)
        ]
        table[name] = {
            row.name: _row(
                [_cell(model, engine, row, gpu, supported, write) for gpu in rows.gpus if gpu.tabled]
            )
            for row in supported
        }
    return table


def _cell(
    model: Architecture,
    engine: EngineVersion,
    quantization: Quantization,
    gpu: Gpu,
    others: Sequence[Quantization],
    write: Callable[[str, str], str],
) -> str:
    reason = _reason(model, engine, quantization, gpu)
    if not reason:
        return "-"
    other = _advised(quantization, (row for row in others if not _reason(model, engine, row, gpu)))
    return write(reason, f"{other} 1 {gpu.name}" if other else "")


def _row(cells: Sequence[str]) -> str:
    return cells[0] if len(set(cells)) == 1 else " ".join(cells)


def _reason(model: Architecture, engine: EngineVersion, quantization: Quantization, gpu: Gpu) -> str:
    """Why the GPU cannot compute the quantization; empty if it can."""
    spec = Spec(
        model=model,
        gpu=gpu,
        engine=engine,
        quantization=quantization,
        dtype=auto_dtype(model, gpu, quantization),
        context=model.max_positions,
    )
    findings: list[Any] = [finding for finding in check(spec) if finding.level == "unsupported"]
    return findings[0].reason if findings else ""


def _advised(quantization: Quantization, others: Iterable[Quantization]) -> str:
    """The substitute that the support rules name first; any 16-bit type is the last resort."""
    names = [row.name for row in others]
    advised = load_support().instead.get(quantization.name, ())
    return next((name for name in (*advised, "bf16", "fp16", "gguf-q4_k_m") if name in names), "")
