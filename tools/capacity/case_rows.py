"""Rows of measured cases: published ones as `data/cases.jsonl` has them, and boots, one JSON per line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def read(paths: Iterable[Path]) -> list[Row]:
    """The rows of JSON files (`cases` of an object, or a list) and of JSONL files."""
    rows: list[Row] = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            rows += [row_of(json.loads(line), path.stem) for line in text.splitlines() if line.strip()]
        else:
            data = json.loads(text)
            rows += data["cases"] if isinstance(data, dict) else data
    return rows


def row_of(row: Row, file: str) -> Row:
    """A published row as it is; a boot, whose `engine` has the engine's arguments, in the same form."""
    return _boot(row, file.removesuffix(".jsonl")) if isinstance(row.get("engine"), dict) else row


def _boot(row: Row, name: str) -> Row:
    """A boot's line, with the fields of a published row."""
    arguments = row["engine"]
    version = re.search(r"vllm-([\d.]+\d)", name)
    gpu = row.get("gpu") or ("h200" if "h200" in name else None)
    numbers = {
        "weights_gib": row.get("weights_gib"),
        "activation_gib": row.get("activation_gib"),
        "non_torch_gib": row.get("non_torch_gib"),
        "cudagraph_gib": row.get("graph_gib"),
        "cudagraph_est_gib": row.get("graph_estimate_gib"),
        "kv_gib": row.get("kv_gib"),
        "kv_tokens": row.get("kv_tokens"),
        "max_concurrency": row.get("max_conc"),
    }
    return {
        "id": row.get("id") or f"{'boots' if name.startswith('boots') else name}-{row['case']}",
        "set": name,
        "source": row.get("source") or f"boots of {name}",
        "engine": f"vllm {row.get('version') or (version[1] if version else '0.24.0')}",
        "model": row["model"],
        "gpu": gpu,
        "tp": arguments.get("tensor_parallel_size", 1),
        "pp": arguments.get("pipeline_parallel_size", 1),
        "gmu": arguments.get("gpu_memory_utilization"),
        "max_model_len": arguments.get("max_model_len"),
        "mnbt": arguments.get("max_num_batched_tokens"),
        "max_num_seqs": arguments.get("max_num_seqs"),
        "images": arguments.get("limit_mm_per_prompt", {}).get("image"),
        "kv_dtype": arguments.get("kv_cache_dtype"),
        "eager": bool(arguments.get("enforce_eager")),
        "warm": row.get("compile_cache") == "warm",
        "runner": str(row["runner"]).lower() if row.get("env") and row.get("runner") else None,
        "offline": True,
        "quant": row.get("quantization") or arguments.get("quantization"),
        "dtype": arguments.get("dtype"),
        "env": row.get("env"),
        **{key: _number(value) for key, value in numbers.items() if value is not None},
        "fits": row.get("rc") == 0,
    }


def _number(value: object) -> float:
    return float(str(value).replace(",", ""))


def identity(row: Row) -> str:
    """The id of a row, or a readable one from its fields."""
    if row.get("id"):
        return str(row["id"])
    parts = [row["set"], str(row["model"]).split("/")[-1], row.get("quant") or row.get("precision")]
    parts += [row.get("gpus") or row.get("gpu"), row.get("tp") and f"tp{row['tp']}"]
    parts += [row.get("pp") and f"pp{row['pp']}", row.get("max_model_len"), row.get("kv_dtype")]
    text = "-".join(str(part) for part in parts if part and part not in ("None", "auto", "pp1"))
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
