"""Reads measured cases: rows as `data/cases.jsonl` has them, and boots one JSON a line as a log reader writes them.

A row becomes a `Case` (a set-up and what was measured) or is left out with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signalbox.capacity.memory.activation import has_large_defaults
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.spec import Gpu, Quantization, Spec
from signalbox.errors import InputError

Row = Mapping[str, Any]
_H100_GIB = 79.19  # what CUDA shows
_ROUNDING = 0.01
_STATED_CONTEXT = 4096  # where a published row names no context

# Engine of a published table that does not name one in the row.
_ENGINES_OF_SETS: tuple[tuple[str, str], ...] = (
    ("llm-d v0.19", "vllm 0.19.0"),
    ("llm-d v0.11", "vllm 0.11.0"),
    ("HUGS", "tgi"),
    ("HF llama31 endpoints", "tgi"),
    ("NVIDIA RAG", "vllm 0.4.0"),
    ("NIM", "nim"),
    ("HF bnb", "transformers"),
    ("HF 4bit", "transformers"),
    ("Qwen", "transformers"),
)
_PRECISIONS: tuple[tuple[str, str], ...] = (
    (r"nf4\s*\+\s*double", "bnb-nf4-dq"),
    (r"bnb nf4|nf4", "bnb-nf4"),
    (r"gptq[- ]int8", "gptq-int8"),
    (r"gptq[- ]int4", "gptq-int4"),
    (r"awq", "awq-int4"),
    (r"mxfp4", "mxfp4"),
    (r"fp8", "fp8"),
    (r"int8", "int8"),
    (r"fp32", "fp32"),
    (r"bf16|fp16|float16|bfloat16", "bf16"),
    (r"q4_k_m", "gguf-q4_k_m"),
)
# Rows that no planner can answer, by a pattern in a field.
_UNANSWERABLE: tuple[tuple[str, str, str], ...] = (
    ("error", r"Free memory on device", "another process held the GPU: not a matter of capacity"),
    ("model", r"train", "training, not serving"),
    ("note", r"405B row assumes", ""),
    ("fits", r"OOM with graphs", "no setting of context, utilization or version is given"),
    ("note", r"takes 67 GB", "says only that the cache is allocated in advance"),
    ("gpu", r"TP4\+EP", "experts spread over data-parallel ranks: not planned"),
    ("model", r"DP\+EP|multimodal checkpoint|MTP|gemma-4", "the model is not named or not in the catalogue"),
    ("gpu", r"Intel|sm103|24GB class", "the GPU is not named or not in the catalogue"),
    ("engine", r"XPU", "not an NVIDIA GPU"),
)


@dataclass(frozen=True)
class Case:
    """A set-up whose memory was measured. `engine` is a catalogue engine or "transformers"."""

    id: str
    set: str
    source: str
    engine: str
    spec: Spec
    gpus: int
    measured: Row
    note: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A row that is not judged, and why."""

    id: str
    set: str
    model: str
    reason: str


def read(paths: Iterable[Path]) -> list[Row]:
    """Rows of JSON files (`cases` of an object, or a list) and of JSONL files."""
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
    """A published row as it is; a boot (whose `engine` holds the engine's arguments) in the same form."""
    return _boot(row, file.removesuffix(".jsonl")) if isinstance(row.get("engine"), dict) else row


def _boot(row: Row, name: str) -> Row:
    """A boot's line, with the fields of a published row."""
    given = row["engine"]
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
        "tp": given.get("tensor_parallel_size", 1),
        "pp": given.get("pipeline_parallel_size", 1),
        "gmu": given.get("gpu_memory_utilization"),
        "max_model_len": given.get("max_model_len"),
        "mnbt": given.get("max_num_batched_tokens"),
        "max_num_seqs": given.get("max_num_seqs"),
        "kv_dtype": given.get("kv_cache_dtype"),
        "eager": bool(given.get("enforce_eager")),
        "warm": row.get("compile_cache") == "warm",
        "runner": str(row["runner"]).lower() if row.get("env") and row.get("runner") else None,
        "offline": True,
        "quant": row.get("quantization") or given.get("quantization"),
        "dtype": given.get("dtype"),
        "env": row.get("env"),
        **{key: _number(value) for key, value in numbers.items() if value is not None},
        "fits": row.get("rc") == 0,
    }


def _number(value: object) -> float:
    return float(str(value).replace(",", ""))


def case_of(row: Row, catalogue: Catalogue) -> list[Case | LeftOut]:
    """The cases of one row: "8xA100 or 4xH100" are two."""
    named = str(row.get("gpus") or row.get("gpu") or "")
    ident = identity(row)
    if reason := _unanswerable(row):
        return [LeftOut(ident, str(row["set"]), str(row["model"]), reason)]
    found: list[Case | LeftOut] = []
    for part in re.split(r"\s+or\s+", named):
        try:
            found.append(_case(row, part.strip(), ident, catalogue))
        except InputError as error:
            found.append(
                LeftOut(
                    ident, str(row["set"]), str(row["model"]), f"{error.field} {error.value}: {error.hint}"
                )
            )
    return found


def identity(row: Row) -> str:
    """A readable name of a row; rows of the data file carry theirs."""
    if row.get("id"):
        return str(row["id"])
    parts = [row["set"], str(row["model"]).split("/")[-1], row.get("quant") or row.get("precision")]
    parts += [row.get("gpus") or row.get("gpu"), row.get("tp") and f"tp{row['tp']}"]
    parts += [row.get("pp") and f"pp{row['pp']}", row.get("max_model_len"), row.get("kv_dtype")]
    text = "-".join(str(part) for part in parts if part and part not in ("None", "auto", "pp1"))
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def _unanswerable(row: Row) -> str | None:
    for field, pattern, reason in _UNANSWERABLE:
        if reason and re.search(pattern, str(row.get(field) or "")):
            return reason
    has_memory = any(
        row.get(k) is not None for k in ("fits", "kv_gib", "kv_tokens", "weights_gib", "vram_gb")
    )
    table = row["set"].startswith("Qwen")
    if not has_memory and not table:
        return "gives rules of thumb, no measurement"
    if table and (row.get("input_len") != 1 or not str(row.get("engine")).startswith("Transformer")):
        return "a throughput row, or one whose memory holds the logits of a long prompt"
    if row["set"].startswith("public logs") and not row.get("engine") and row.get("fits") is not False:
        return "the engine's version is not given"
    if (sum_ := _own_sum(row, has_memory)) is not None:
        return sum_
    if row.get("engine") and "T4" in str(row.get("gpu")) and not row.get("gmu"):
        return "the memory utilization is not given"
    return None


def _own_sum(row: Row, has_memory: bool) -> str | None:
    """A row whose own terms do not add up to its own budget has a setting that is not the one it ran with."""
    terms = [row.get(f"{term}_gib") for term in ("weights", "activation", "non_torch", "kv")]
    share, gpu = row.get("gmu"), str(row.get("gpu") or "")
    if not has_memory or not share or any(term is None for term in terms) or "H100" not in gpu:
        return None
    total, budget = sum(float(term or 0.0) for term in terms), float(share) * _H100_GIB
    if abs(total / budget - 1) <= _ROUNDING:
        return None
    return f"its own terms add up to {total:.2f} GiB, not to its budget of {budget:.2f}"


def _case(row: Row, named: str, ident: str, catalogue: Catalogue) -> Case:
    count, gpu = _gpu(row, named, catalogue)
    engine = _engine(row)
    is_transformers = engine.startswith("transformers")
    version = catalogue.engine("vllm" if is_transformers else engine)
    model = catalogue.model(_model_name(row)).architecture
    scheme = _quantization(row, model.checkpoint_quantization, catalogue)
    tp, pp = int(row.get("tp") or count), int(row.get("pp") or 1)
    if is_transformers:
        tp, pp = 1, count
    dtype = str(row.get("dtype") or "").replace("auto", "") or model.dtype
    spec = Spec(
        model=model,
        gpu=gpu,
        engine=version,
        quantization=scheme,
        dtype="bfloat16" if dtype == "float32" else dtype,
        context=int(row.get("max_model_len") or min(_STATED_CONTEXT, model.max_positions)),
        kv_dtype=str(row.get("kv_dtype") or "auto"),
        tensor_parallel=tp,
        pipeline_parallel=pp,
        concurrency=row.get("max_num_seqs"),
        batched_tokens=row.get("mnbt") or _offline_tokens(row, gpu),
        memory_utilization=row.get("gmu"),
        eager=bool(row.get("eager")),
        warm_cache=bool(row.get("warm")),
        runner=row.get("runner"),
    )
    measured = row
    if not row.get("engine") and str(row["set"]).startswith("public"):
        measured = {"fits": row["fits"]}  # without the version only the verdict can be compared
    return Case(
        id=ident,
        set=str(row["set"]),
        source=str(row["source"]),
        engine="transformers" if is_transformers else version.name,
        spec=spec,
        gpus=tp * pp,
        measured=measured,
        note=str(row.get("note") or ""),
    )


def _offline_tokens(row: Row, gpu: Gpu) -> int | None:
    """The library class of vLLM batches twice to four times what its server does (arg_utils.py)."""
    if not row.get("offline"):
        return None
    return 16384 if has_large_defaults(gpu) else 8192


def _engine(row: Row) -> str:
    said = str(row.get("engine") or "")
    if match := re.search(r"\((vLLM|TRT-LLM)\)", str(row["model"])):
        said = "vllm 0.4.0" if match[1] == "vLLM" else "nim"
    if said.lower().startswith("transformer"):
        return "transformers"
    if said:
        match = re.match(r"([A-Za-z.\-]+)\s*~?v?([\d.x]+)?", said)
        return " ".join(part for part in (match.groups() if match else (said,)) if part)
    return next((name for start, name in _ENGINES_OF_SETS if str(row["set"]).startswith(start)), "vllm")


def _model_name(row: Row) -> str:
    name = str(row["model"])
    if inferred := re.search(r"\((Qwen3-Next-80B) inferred\)", name):
        return inferred[1]
    name = re.sub(r"\s*\(.*\)|-class\b", "", name)
    return re.sub(r"[ :](q\d\w*|bf16|fp16|fp8|int8)$", "", name, flags=re.IGNORECASE).strip()


def _quantization(row: Row, declared: str | None, catalogue: Catalogue) -> Quantization:
    said = " ".join(str(row.get(k) or "") for k in ("quant", "precision", "model"))
    stated = str(row.get("quant") or row.get("precision") or "")
    if declared and (stated in ("", "None", "compressed-tensors") or row.get("precision") is None):
        return catalogue.quantization(declared)
    name = next((name for pattern, name in _PRECISIONS if re.search(pattern, said, re.IGNORECASE)), "bf16")
    return catalogue.quantization(name)


def _gpu(row: Row, named: str, catalogue: Catalogue) -> tuple[int, Gpu]:
    match = re.match(r"^(\d+)\s*x\s*(.+)$", named)
    count, name = (int(match[1]), match[2]) if match else (1, named)
    if str(row["set"]).startswith("Qwen2.5"):
        count, name = int(row.get("gpus") or 1), "a100-80gb"
    if str(row["set"]).startswith("Qwen3"):
        count, name = int(row.get("gpus") or 1), "h20"
    if str(row["set"]).startswith("llm-d") and not name:
        name = "h100"
    return count, catalogue.gpu(re.sub(r"\s*16GB$", "", name))
