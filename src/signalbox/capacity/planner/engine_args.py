"""The exact arguments and environment that start an engine as planned, one function per engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from signalbox.capacity.memory import activation, budget, llamacpp, tgi
from signalbox.capacity.memory.gguf.tables import load_gguf_tables
from signalbox.capacity.planner.checkpoints import Checkpoint, checkpoint, repository
from signalbox.capacity.spec import EngineName, Spec
from signalbox.capacity.support.backends import attention_backend
from signalbox.capacity.units import parse_version

_VLLM_DTYPES = {"float16": "half", "bfloat16": "bfloat16", "float32": "float"}
_SGLANG_DTYPES = {"float16": "half", "bfloat16": "bfloat16"}
_TGI_CACHE = {"fp8": "fp8_e4m3fn", "fp8_e4m3": "fp8_e4m3fn"}
_MOST_REQUESTS = 256  # of engines whose memory does not depend on the limit
_ALL_LAYERS = 999  # more than any model has
_LEAST_BATCH = 2048  # llama.cpp's logical batch
_BACKEND_FLAG = parse_version("0.12")  # before it, vLLM reads the attention backend from its environment
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
    },
}


@dataclass(frozen=True)
class Start:
    """The start of an engine: the program of its image, its arguments one word each, and its environment."""

    program: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


Options = Iterable[tuple[str, object]]


def start(spec: Spec, files: Checkpoint | None = None) -> Start:
    """Arguments and environment of a spec. Limits that the planner assumed are written out, not left to defaults."""
    return _ENGINES[spec.engine.name](spec, files or checkpoint(None, spec))


def request_limit(spec: Spec) -> int:
    """Concurrent requests that the engine is started with: those of the spec, or what the plan assumes."""
    if spec.engine.name == "vllm":
        return activation.limits(spec).sequences
    if spec.engine.name in ("llamacpp", "ollama"):
        return llamacpp.planned_slots(spec, load_gguf_tables()).count
    return spec.concurrency or max(1, min(_MOST_REQUESTS, int(budget(spec).max_concurrency)))


def shared_cache(spec: Spec) -> bool:
    """Whether the slots of llama.cpp share one cache of the context."""
    return spec.engine.name == "llamacpp" and llamacpp.planned_slots(spec, load_gguf_tables()).unified


def step_tokens(spec: Spec) -> int | None:
    """Tokens per engine step that the command sets; None leaves the engine's default."""
    return tgi.prefill_tokens(spec) if spec.engine.name == "tgi" else spec.batched_tokens


def gpu_layers(spec: Spec) -> int | None:
    """Layers that llama.cpp keeps on GPUs where not all of them and the output matrix are there."""
    layers = spec.serving.gpu_layers
    return layers if isinstance(layers, int) and layers <= spec.model.layers else None


def cache_dtype(spec: Spec) -> str:
    """Type of the KV cache as the engine spells it; auto is its default."""
    return _TGI_CACHE.get(spec.kv_dtype, spec.kv_dtype) if spec.engine.name == "tgi" else spec.kv_dtype


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


def _quantize(spec: Spec, files: Checkpoint) -> str | None:
    """The method to name; None where the checkpoint's config.json declares it."""
    return None if files.stored else _QUANTIZE[spec.engine.name].get(spec.quantization.name)


def _vllm(spec: Spec, files: Checkpoint) -> Start:
    backend = attention_backend(spec)
    by_flag = parse_version(spec.engine.version) >= _BACKEND_FLAG
    options: Options = (
        ("--dtype", _VLLM_DTYPES.get(spec.dtype, spec.dtype)),
        ("--quantization", _quantize(spec, files)),
        ("--max-model-len", spec.context),
        ("--gpu-memory-utilization", _share(spec)),
        ("--tensor-parallel-size", _several(spec.tensor_parallel)),
        ("--pipeline-parallel-size", _several(spec.pipeline_parallel)),
        ("--max-num-seqs", request_limit(spec)),
        ("--max-num-batched-tokens", spec.batched_tokens),
        ("--kv-cache-dtype", None if spec.kv_dtype == "auto" else spec.kv_dtype),
        ("--attention-backend", backend if by_flag and backend else None),
        ("--limit-mm-per-prompt", image_limit(spec.images)),
        ("--mm-processor-kwargs", image_options(spec.image_pixels)),
        ("--enforce-eager", spec.eager),
        *_vllm_kinds(spec),
    )
    environment = {} if by_flag or not backend else {"VLLM_ATTENTION_BACKEND": backend}
    return Start(("vllm", "serve"), (files.name, *_words(options)), environment)


def _vllm_kinds(spec: Spec) -> Options:
    """Flags of other kinds than plain serving, as vLLM 0.24.0 writes them."""
    serving, lora = spec.serving, spec.serving.lora
    return (
        ("--runner", "pooling" if serving.pooling else None),
        ("--enable-lora", lora is not None),
        ("--max-loras", lora.adapters if lora else None),
        ("--max-lora-rank", lora.rank if lora else None),
        ("--speculative-config", speculative_config(spec)),
        ("--cpu-offload-gb", f"{serving.offload_gib:g}" if serving.offload_gib else None),
        ("--data-parallel-size", _several(serving.data_parallel)),
        ("--enable-expert-parallel", serving.expert_parallel),
    )


def speculative_config(spec: Spec) -> str | None:
    """vLLM's configuration as JSON without spaces, with the keys in the order of charts/model-server."""
    speculative = spec.serving.speculative
    if speculative is None:
        return None
    method = "draft_model" if speculative.method == "draft" else speculative.method
    draft = repository(speculative.model.removeprefix("hf:"), spec.draft.model.name) if spec.draft else ""
    body = {
        "method": method,
        **({"model": draft} if draft else {}),
        "num_speculative_tokens": speculative.tokens,
    }
    return json.dumps(body, separators=(",", ":"))


def image_limit(images: int | None) -> str | None:
    """vLLM's limit per prompt: the plan counts images only, so that videos are off where images are limited."""
    return None if images is None else f'{{"image":{images},"video":0}}'


def image_options(pixels: int | None) -> str | None:
    return None if pixels is None else f'{{"max_pixels":{pixels}}}'


def _sglang(spec: Spec, files: Checkpoint) -> Start:
    options: Options = (
        ("--model-path", files.name),
        ("--port", 8000),
        ("--dtype", _SGLANG_DTYPES.get(spec.dtype, spec.dtype)),
        ("--quantization", _quantize(spec, files)),
        ("--context-length", spec.context),
        ("--mem-fraction-static", _share(spec)),
        ("--tp-size", _several(spec.tensor_parallel)),
        ("--pp-size", _several(spec.pipeline_parallel)),
        ("--max-running-requests", request_limit(spec)),
        ("--chunked-prefill-size", spec.batched_tokens),
        ("--kv-cache-dtype", None if spec.kv_dtype == "auto" else spec.kv_dtype),
        ("--cuda-graph-backend-decode", "disabled" if spec.eager else None),
        ("--cuda-graph-backend-prefill", "disabled" if spec.eager else None),
    )
    return Start(("python3", "-m", "sglang.launch_server"), _words(options), {})


def _tgi(spec: Spec, files: Checkpoint) -> Start:
    quantize = _quantize(spec, files)
    cache = cache_dtype(spec)
    options: Options = (
        ("--model-id", files.name),
        ("--port", 8080),
        ("--num-shard", _several(spec.tensor_parallel)),
        ("--quantize", quantize),
        ("--dtype", None if quantize or files.stored else spec.dtype),  # the launcher accepts one of the two
        ("--max-input-tokens", max(1, spec.context - 1)),
        ("--max-total-tokens", spec.context),
        ("--max-batch-prefill-tokens", step_tokens(spec)),
        ("--max-batch-size", request_limit(spec)),
        ("--cuda-memory-fraction", _share(spec)),
        ("--kv-cache-dtype", None if cache == "auto" else cache),
        ("--cuda-graphs", 0 if spec.eager else None),
    )
    return Start(("text-generation-launcher",), _words(options), {})


def _llamacpp(spec: Spec, files: Checkpoint) -> Start:
    slots = llamacpp.planned_slots(spec, load_gguf_tables())
    key, value = _cache_types(spec)
    on_hub = not files.name.lower().endswith(".gguf")
    options: Options = (
        ("--model", None if on_hub else files.name),
        ("--hf-repo", files.name if on_hub else None),
        ("--hf-file", files.file or None),
        ("--ctx-size", slots.cells),
        ("--parallel", slots.count),
        ("--kv-unified", slots.unified),
        ("--n-gpu-layers", _layers(spec)),
        ("--batch-size", None if spec.batched_tokens is None else max(_LEAST_BATCH, spec.batched_tokens)),
        ("--ubatch-size", spec.batched_tokens),
        ("--flash-attn", None if value == "f16" else "on"),  # a quantized value cache needs it
        ("--cache-type-k", None if key == "f16" else key),
        ("--cache-type-v", None if value == "f16" else value),
        ("--metrics", True),
    )
    return Start(("llama-server",), _words(options), {})


def _layers(spec: Spec) -> int:
    """All layers, or as many as fit: the rest stays on the CPU."""
    layers = llamacpp.gpu_layers(spec, load_gguf_tables())
    return _ALL_LAYERS if layers > spec.model.layers else layers


def _ollama(spec: Spec, _: Checkpoint) -> Start:
    key = _cache_types(spec)[0]
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


def _nim(spec: Spec, _: Checkpoint) -> Start:
    environment = {
        "NIM_MAX_MODEL_LEN": str(spec.context),
        "NIM_KVCACHE_PERCENT": _share(spec),
        **({"NIM_TENSOR_PARALLEL_SIZE": str(spec.tensor_parallel)} if spec.tensor_parallel > 1 else {}),
    }
    return Start((), (), environment)


def _cache_types(spec: Spec) -> tuple[str, str]:
    names = spec.kv_dtype.replace("auto", "f16").split("/")
    return names[0], names[-1]


_ENGINES: Mapping[EngineName, Callable[[Spec, Checkpoint], Start]] = {
    "vllm": _vllm,
    "sglang": _sglang,
    "tgi": _tgi,
    "llamacpp": _llamacpp,
    "ollama": _ollama,
    "nim": _nim,
}
