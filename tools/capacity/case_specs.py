"""From a row of measured cases to the spec that was measured: names, quantization, GPUs and limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from signalbox.capacity.memory.activation import has_large_defaults
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.spec import Gpu, Quantization, Spec
from signalbox.errors import InputError
from tools.capacity.case_exclusions import exclusion
from tools.capacity.case_rows import Row, identity

_DEFAULT_CONTEXT = 4096  # where a published row names no context

# Engine of a published table whose rows do not name one.
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


@dataclass(frozen=True)
class Case:
    """A spec whose memory was measured. `engine` is a catalogue engine or "transformers"."""

    id: str
    set: str
    source: str
    engine: str
    spec: Spec
    gpus: int
    measured: Row
    note: str = ""
    stated: bool = True  # whether the limits of sequences and tokens are known: only then a boot is evidence


@dataclass(frozen=True)
class LeftOut:
    """A row that is not compared, and why."""

    id: str
    set: str
    model: str
    reason: str


def case_of(row: Row, catalogue: Catalogue) -> list[Case | LeftOut]:
    """The cases of one row: "8xA100 or 4xH100" are two."""
    gpus = str(row.get("gpus") or row.get("gpu") or "")
    ident = identity(row)
    if reason := exclusion(row):
        return [LeftOut(ident, str(row["set"]), str(row["model"]), reason)]
    cases: list[Case | LeftOut] = []
    for part in re.split(r"\s+or\s+", gpus):
        try:
            cases.append(_case(row, part.strip(), ident, catalogue))
        except InputError as error:
            cases.append(LeftOut(ident, str(row["set"]), str(row["model"]), _sentence(error)))
    return cases


def _sentence(error: InputError) -> str:
    return f"{error.message.rstrip('.')}: {error.hint}"


def _case(row: Row, gpus: str, ident: str, catalogue: Catalogue) -> Case:
    engine = _engine(row)
    on_transformers = engine.startswith("transformers")
    spec = _spec(row, gpus, "vllm" if on_transformers else engine, catalogue)
    if on_transformers:  # layers are spread over the GPUs
        spec = replace(spec, tensor_parallel=1, pipeline_parallel=_gpu(row, gpus, catalogue)[0])
    measured = row
    if not row.get("engine") and str(row["set"]).startswith("public"):
        measured = {"fits": row["fits"]}  # without the version only the verdict can be compared
    return Case(
        id=ident,
        set=str(row["set"]),
        source=str(row["source"]),
        engine="transformers" if on_transformers else spec.engine.name,
        spec=spec,
        gpus=spec.tensor_parallel * spec.pipeline_parallel,
        measured=measured,
        note=str(row.get("note") or ""),
        stated=bool(row.get("offline"))  # a boot with all arguments of its engine
        or (spec.concurrency is not None and spec.batched_tokens is not None),
    )


def _spec(row: Row, gpus: str, engine: str, catalogue: Catalogue) -> Spec:
    count, gpu = _gpu(row, gpus, catalogue)
    version = catalogue.engine(engine)
    model = catalogue.model(_model_name(row)).architecture
    dtype = str(row.get("dtype") or "").replace("auto", "") or model.dtype
    return Spec(
        model=model,
        gpu=gpu,
        engine=version,
        quantization=_quantization(row, model.checkpoint_quantization, catalogue),
        dtype="bfloat16" if dtype == "float32" else dtype,
        context=int(row.get("max_model_len") or min(_DEFAULT_CONTEXT, model.max_positions)),
        kv_dtype=str(row.get("kv_dtype") or "auto"),
        tensor_parallel=int(row.get("tp") or count),
        pipeline_parallel=int(row.get("pp") or 1),
        concurrency=row.get("max_num_seqs"),
        images=row.get("images"),
        batched_tokens=row.get("mnbt") or _offline_tokens(row, gpu),
        memory_utilization=row.get("gmu"),
        eager=bool(row.get("eager")),
        warm_cache=bool(row.get("warm")),
        runner=row.get("runner"),
        prefix_caching=row.get("prefix_caching"),
    )


def _offline_tokens(row: Row, gpu: Gpu) -> int | None:
    """The library class of vLLM batches twice to four times what its server does (arg_utils.py)."""
    if not row.get("offline"):
        return None
    return 16384 if has_large_defaults(gpu) else 8192


def _engine(row: Row) -> str:
    engine = str(row.get("engine") or "")
    if match := re.search(r"\((vLLM|TRT-LLM)\)", str(row["model"])):
        engine = "vllm 0.4.0" if match[1] == "vLLM" else "nim"
    if engine.lower().startswith("transformer"):
        return "transformers"
    if engine:
        match = re.match(r"([A-Za-z.\-]+)\s*~?v?([\d.x]+)?", engine)
        return " ".join(part for part in (match.groups() if match else (engine,)) if part)
    return next((name for start, name in _ENGINES_OF_SETS if str(row["set"]).startswith(start)), "vllm")


def _model_name(row: Row) -> str:
    name = str(row["model"])
    if inferred := re.search(r"\((Qwen3-Next-80B) inferred\)", name):
        return inferred[1]
    name = re.sub(r"\s*\(.*\)|-class\b", "", name)
    return re.sub(r"[ :](q\d\w*|bf16|fp16|fp8|int8)$", "", name, flags=re.IGNORECASE).strip()


def _quantization(row: Row, declared: str | None, catalogue: Catalogue) -> Quantization:
    texts = " ".join(str(row.get(k) or "") for k in ("quant", "precision", "model"))
    encoding = str(row.get("quant") or row.get("precision") or "")
    if declared and (encoding in ("", "None", "compressed-tensors") or row.get("precision") is None):
        return catalogue.quantization(declared)
    name = next((name for pattern, name in _PRECISIONS if re.search(pattern, texts, re.IGNORECASE)), "bf16")
    return catalogue.quantization(name)


def _gpu(row: Row, gpus: str, catalogue: Catalogue) -> tuple[int, Gpu]:
    match = re.match(r"^(\d+)\s*x\s*(.+)$", gpus)
    count, name = (int(match[1]), match[2]) if match else (1, gpus)
    if str(row["set"]).startswith("Qwen2.5"):
        count, name = int(row.get("gpus") or 1), "a100-80gb"
    if str(row["set"]).startswith("Qwen3"):
        count, name = int(row.get("gpus") or 1), "h20"
    if str(row["set"]).startswith("llm-d") and not name:
        name = "h100"
    return count, catalogue.gpu(re.sub(r"\s*16GB$", "", name))
