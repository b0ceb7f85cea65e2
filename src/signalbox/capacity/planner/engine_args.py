"""The exact arguments and environment that start an engine as a set-up was planned. One table row an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from signalbox.capacity.memory import gguf_weights, llamacpp, tgi
from signalbox.capacity.spec import EngineName, Setup
from signalbox.capacity.support.matrix import load

_VLLM_DTYPES = {"float16": "half", "bfloat16": "bfloat16", "float32": "float"}
_TGI_CACHE = {"fp8": "fp8_e4m3fn", "fp8_e4m3": "fp8_e4m3fn"}
# What an engine is told to quantize to while it loads a 16-bit checkpoint. Other formats are read from config.json.
_QUANTIZE: Mapping[str, Mapping[str, str]] = {
    "vllm": {
        "fp8": "fp8",
        "fp8-marlin": "fp8",
        "fp8-block": "fp8_per_block",
        "bnb-nf4": "bitsandbytes",
    },
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
    """How an engine is started: the program of its image, its arguments one word each, and its environment."""

    program: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


Options = Iterable[tuple[str, object]]


def start(setup: Setup) -> Start:
    """Arguments and environment of a set-up. Limits that the planner assumed are written out, not left to defaults."""
    return _ENGINES[setup.engine.name](setup)


def _words(options: Options) -> tuple[str, ...]:
    """Flags with their values; None leaves a flag out, True writes it alone."""
    words: list[str] = []
    for flag, value in options:
        if value is None or value is False:
            continue
        words += [flag] if value is True else [flag, str(value)]
    return tuple(words)


def _share(setup: Setup) -> str:
    share = setup.memory_utilization
    return f"{setup.engine.memory_utilization if share is None else share:g}"


def _several(count: int) -> int | None:
    return count if count > 1 else None


def _quantize(setup: Setup) -> str | None:
    """The method to name; None where the checkpoint's own config.json says it."""
    if setup.engine.name == "vllm" and setup.model.checkpoint_quantization is not None:
        return None
    return _QUANTIZE[setup.engine.name].get(setup.quantization.name)


def _vllm(setup: Setup) -> Start:
    options: Options = (
        ("--dtype", _VLLM_DTYPES.get(setup.dtype, setup.dtype)),
        ("--quantization", _quantize(setup)),
        ("--max-model-len", setup.context),
        ("--gpu-memory-utilization", _share(setup)),
        ("--tensor-parallel-size", _several(setup.tensor_parallel)),
        ("--pipeline-parallel-size", _several(setup.pipeline_parallel)),
        ("--max-num-seqs", setup.concurrency),
        ("--max-num-batched-tokens", setup.batched_tokens),
        ("--kv-cache-dtype", None if setup.kv_dtype == "auto" else setup.kv_dtype),
        ("--enforce-eager", setup.eager),
    )
    return Start(("vllm", "serve"), (setup.model.name, *_words(options)), {})


def _tgi(setup: Setup) -> Start:
    quantize = _quantize(setup)
    cache = _TGI_CACHE.get(setup.kv_dtype, setup.kv_dtype)
    options: Options = (
        ("--model-id", setup.model.name),
        ("--port", 8080),
        ("--num-shard", _several(setup.tensor_parallel)),
        ("--quantize", quantize),
        ("--dtype", None if quantize else setup.dtype),  # the launcher takes one of the two
        ("--max-input-tokens", max(1, setup.context - 1)),
        ("--max-total-tokens", setup.context),
        ("--max-batch-prefill-tokens", tgi.prefill_tokens(setup)),
        ("--max-batch-size", setup.concurrency),
        ("--cuda-memory-fraction", _share(setup)),
        ("--kv-cache-dtype", None if cache == "auto" else cache),
        ("--cuda-graphs", 0 if setup.eager else None),
    )
    return Start(("text-generation-launcher",), _words(options), {})


def _llamacpp(setup: Setup) -> Start:
    slots = llamacpp.planned_slots(setup)
    key, value = _cache_types(setup)
    file = f"{setup.model.name.rsplit('/', maxsplit=1)[-1]}.{gguf_weights.file_type(setup.quantization).upper()}.gguf"
    options: Options = (
        ("--model", file),
        ("--ctx-size", slots.cells),
        ("--parallel", slots.count),
        ("--kv-unified", slots.unified),
        ("--n-gpu-layers", llamacpp.gpu_layers(setup)),
        ("--batch-size", None if setup.batched_tokens is None else max(2048, setup.batched_tokens)),
        ("--ubatch-size", setup.batched_tokens),
        ("--flash-attn", None if value == "f16" else "on"),  # a quantized value cache needs it
        ("--cache-type-k", None if key == "f16" else key),
        ("--cache-type-v", None if value == "f16" else value),
        ("--metrics", True),
    )
    return Start(("llama-server",), _words(options), {})


def _ollama(setup: Setup) -> Start:
    key, _ = _cache_types(setup)
    spared = setup.gpu.total_bytes - int(setup.gpu.total_bytes * (setup.memory_utilization or 1.0))
    environment = {
        "OLLAMA_CONTEXT_LENGTH": str(setup.context),
        "OLLAMA_NUM_PARALLEL": str(llamacpp.planned_slots(setup).count),
        "OLLAMA_FLASH_ATTENTION": "1",
        **({"OLLAMA_KV_CACHE_TYPE": key} if key != "f16" else {}),
        **({"OLLAMA_GPU_OVERHEAD": str(spared)} if spared else {}),
        **({"OLLAMA_SCHED_SPREAD": "1"} if setup.tensor_parallel * setup.pipeline_parallel > 1 else {}),
    }
    return Start(("ollama",), ("serve",), environment)


def _nim(setup: Setup) -> Start:
    environment = {
        "NIM_MAX_MODEL_LEN": str(setup.context),
        "NIM_KVCACHE_PERCENT": _share(setup),
        **({"NIM_TENSOR_PARALLEL_SIZE": str(setup.tensor_parallel)} if setup.tensor_parallel > 1 else {}),
    }
    return Start((), (), environment)


def _cache_types(setup: Setup) -> tuple[str, str]:
    names = setup.kv_dtype.replace("auto", "f16").split("/")
    return names[0], names[-1]


_ENGINES: Mapping[EngineName, Callable[[Setup], Start]] = {
    "vllm": _vllm,
    "tgi": _tgi,
    "llamacpp": _llamacpp,
    "ollama": _ollama,
    "nim": _nim,
}


def needs_quantized_checkpoint(setup: Setup) -> bool:
    """Whether the checkpoint must hold this quantization already: the engine cannot make it while loading."""
    name = setup.quantization.name
    if name in ("bf16", "fp16", "fp32") or setup.model.checkpoint_quantization is not None:
        return False
    return name not in load().while_loading.get(setup.engine.name, ())
