"""The exact arguments and environment that start an engine as planned, one function per engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from signalbox.capacity.memory import gguf_weights, llamacpp, tgi
from signalbox.capacity.memory.gguf_tables import load_gguf_tables
from signalbox.capacity.spec import EngineName, Spec
from signalbox.capacity.support.matrix import load_support

_VLLM_DTYPES = {"float16": "half", "bfloat16": "bfloat16", "float32": "float"}
_SGLANG_DTYPES = {"float16": "half", "bfloat16": "bfloat16"}
_TGI_CACHE = {"fp8": "fp8_e4m3fn", "fp8_e4m3": "fp8_e4m3fn"}
# Quantizations that an engine makes of a 16-bit checkpoint while it loads. It reads others from config.json.
_QUANTIZE: Mapping[str, Mapping[str, str]] = {
    "vllm": {
        "fp8": "fp8",
        "fp8-marlin": "fp8",
        "fp8-block": "fp8_per_block",
        "bnb-nf4": "bitsandbytes",
    },
    "sglang": {"fp8": "fp8", "fp8-marlin": "fp8"},
    "tgi": {
        "fp8": "fp8",
        "fp8-marlin": "fp8",
        "eetq": "eetq",
        "int8": "bitsandbytes",
        "bnb-nf4": "bitsandbytes-nf4",
        "bnb-nf4-dq": "bitsandbytes-nf4",
        "awq-int4": "awq",
        "gptq-int4": "gptq",
        "gptq-int8": "gptq",
    },
}


@dataclass(frozen=True)
class Start:
    """The start of an engine: the program of its image, its arguments one word each, and its environment."""

    program: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


Options = Iterable[tuple[str, object]]


def start(spec: Spec) -> Start:
    """Arguments and environment of a spec. Limits that the planner assumed are written out, not left to defaults."""
    return _ENGINES[spec.engine.name](spec)


def _words(options: Options) -> tuple[str, ...]:
    """Flags with their values; None omits a flag, True is a flag without a value."""
    words: list[str] = []
    for flag, value in options:
        if value is None or value is False:
            continue
        words += [flag] if value is True else [flag, str(value)]
    return tuple(words)


def _share(spec: Spec) -> str:
    share = spec.memory_utilization
    return f"{spec.engine.memory_utilization if share is None else share:g}"


def _several(count: int) -> int | None:
    return count if count > 1 else None


def _quantize(spec: Spec) -> str | None:
    """The method to name; None where the checkpoint's config.json declares it."""
    if spec.engine.name in ("vllm", "sglang") and spec.model.checkpoint_quantization is not None:
        return None
    return _QUANTIZE[spec.engine.name].get(spec.quantization.name)


def _vllm(spec: Spec) -> Start:
    options: Options = (
        ("--dtype", _VLLM_DTYPES.get(spec.dtype, spec.dtype)),
        ("--quantization", _quantize(spec)),
        ("--max-model-len", spec.context),
        ("--gpu-memory-utilization", _share(spec)),
        ("--tensor-parallel-size", _several(spec.tensor_parallel)),
        ("--pipeline-parallel-size", _several(spec.pipeline_parallel)),
        ("--max-num-seqs", spec.concurrency),
        ("--max-num-batched-tokens", spec.batched_tokens),
        ("--kv-cache-dtype", None if spec.kv_dtype == "auto" else spec.kv_dtype),
        ("--enforce-eager", spec.eager),
    )
    return Start(("vllm", "serve"), (spec.model.name, *_words(options)), {})


def _sglang(spec: Spec) -> Start:
    options: Options = (
        ("--model-path", spec.model.name),
        ("--port", 8000),
        ("--dtype", _SGLANG_DTYPES.get(spec.dtype, spec.dtype)),
        ("--quantization", _quantize(spec)),
        ("--context-length", spec.context),
        ("--mem-fraction-static", _share(spec)),
        ("--tp-size", _several(spec.tensor_parallel)),
        ("--pp-size", _several(spec.pipeline_parallel)),
        ("--max-running-requests", spec.concurrency),
        ("--chunked-prefill-size", spec.batched_tokens),
        ("--kv-cache-dtype", None if spec.kv_dtype == "auto" else spec.kv_dtype),
        ("--cuda-graph-backend-decode", "disabled" if spec.eager else None),
        ("--cuda-graph-backend-prefill", "disabled" if spec.eager else None),
    )
    return Start(("python3", "-m", "sglang.launch_server"), _words(options), {})


def _tgi(spec: Spec) -> Start:
    quantize = _quantize(spec)
    cache = _TGI_CACHE.get(spec.kv_dtype, spec.kv_dtype)
    options: Options = (
        ("--model-id", spec.model.name),
        ("--port", 8080),
        ("--num-shard", _several(spec.tensor_parallel)),
        ("--quantize", quantize),
        ("--dtype", None if quantize else spec.dtype),  # the launcher accepts one of the two
        ("--max-input-tokens", max(1, spec.context - 1)),
        ("--max-total-tokens", spec.context),
        ("--max-batch-prefill-tokens", tgi.prefill_tokens(spec)),
        ("--max-batch-size", spec.concurrency),
        ("--cuda-memory-fraction", _share(spec)),
        ("--kv-cache-dtype", None if cache == "auto" else cache),
        ("--cuda-graphs", 0 if spec.eager else None),
    )
    return Start(("text-generation-launcher",), _words(options), {})


def _llamacpp(spec: Spec) -> Start:
    slots = llamacpp.planned_slots(spec, load_gguf_tables())
    key, value = _cache_types(spec)
    kind = gguf_weights.file_type(spec.quantization, load_gguf_tables())
    file = f"{spec.model.name.rsplit('/', maxsplit=1)[-1]}.{kind.upper()}.gguf"
    options: Options = (
        ("--model", file),
        ("--ctx-size", slots.cells),
        ("--parallel", slots.count),
        ("--kv-unified", slots.unified),
        ("--n-gpu-layers", llamacpp.gpu_layers(spec, load_gguf_tables())),
        ("--batch-size", None if spec.batched_tokens is None else max(2048, spec.batched_tokens)),
        ("--ubatch-size", spec.batched_tokens),
        ("--flash-attn", None if value == "f16" else "on"),  # a quantized value cache needs it
        ("--cache-type-k", None if key == "f16" else key),
        ("--cache-type-v", None if value == "f16" else value),
        ("--metrics", True),
    )
    return Start(("llama-server",), _words(options), {})


def _ollama(spec: Spec) -> Start:
    key, _ = _cache_types(spec)
    overhead = spec.gpu.total_bytes - int(spec.gpu.total_bytes * (spec.memory_utilization or 1.0))
    environment = {
        "OLLAMA_CONTEXT_LENGTH": str(spec.context),
        "OLLAMA_NUM_PARALLEL": str(llamacpp.planned_slots(spec, load_gguf_tables()).count),
        "OLLAMA_FLASH_ATTENTION": "1",
        **({"OLLAMA_KV_CACHE_TYPE": key} if key != "f16" else {}),
        **({"OLLAMA_GPU_OVERHEAD": str(overhead)} if overhead else {}),
        **({"OLLAMA_SCHED_SPREAD": "1"} if spec.tensor_parallel * spec.pipeline_parallel > 1 else {}),
    }
    return Start(("ollama",), ("serve",), environment)


def _nim(spec: Spec) -> Start:
    environment = {
        "NIM_MAX_MODEL_LEN": str(spec.context),
        "NIM_KVCACHE_PERCENT": _share(spec),
        **({"NIM_TENSOR_PARALLEL_SIZE": str(spec.tensor_parallel)} if spec.tensor_parallel > 1 else {}),
    }
    return Start((), (), environment)


def _cache_types(spec: Spec) -> tuple[str, str]:
    names = spec.kv_dtype.replace("auto", "f16").split("/")
    return names[0], names[-1]


_ENGINES: Mapping[EngineName, Callable[[Spec], Start]] = {
    "vllm": _vllm,
    "sglang": _sglang,
    "tgi": _tgi,
    "llamacpp": _llamacpp,
    "ollama": _ollama,
    "nim": _nim,
}


def needs_quantized_checkpoint(spec: Spec) -> bool:
    """Whether the checkpoint must already be in this quantization: the engine cannot quantize to it while loading."""
    name = spec.quantization.name
    if name in ("bf16", "fp16", "fp32") or spec.model.checkpoint_quantization is not None:
        return False
    return name not in load_support().while_loading.get(spec.engine.name, ())
