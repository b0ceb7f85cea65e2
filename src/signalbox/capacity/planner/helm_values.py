"""Helm values for charts/model-server: the plan in the chart's words, nothing planned a second time."""

from __future__ import annotations

import json
import math
from pathlib import Path

import yaml

from signalbox.capacity.gpu_names import product, quantity
from signalbox.capacity.planner.nodes import START
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.planner.result import Plan
from signalbox.capacity.spec import TENSOR_ENGINES
from signalbox.errors import InputError, SetupError
from signalbox.io import write_output

_AUTO = "auto"
_LEAST_CONTEXT = 16  # the minimum of `context` in the chart's schema
_SERVER_GIB, _DEFAULT_LIMIT_GIB = 10, 32  # memory of the server without weights, and the chart's limit
_DTYPES = ("vllm", "sglang", "tgi")  # engines that are started with a dtype
# Image tags by engine version, where the version alone names an image. Others keep the chart's.
_TAGS = {"vllm": "v{}", "sglang": "v{}", "tgi": "{}", "ollama": "{}"}
# Variables that the chart sets from its own values; a plan's other ones are added to the pod.
_CHART_VARIABLES = (
    "OLLAMA_CONTEXT_LENGTH",
    "OLLAMA_NUM_PARALLEL",
    "OLLAMA_FLASH_ATTENTION",
    "OLLAMA_KV_CACHE_TYPE",
    "NIM_MAX_MODEL_LEN",
    "NIM_KVCACHE_PERCENT",
    "NIM_TENSOR_PARALLEL_SIZE",
)


def values(plan: Plan, *, replicas: int = 1) -> dict[str, object]:
    """The chart's values for a plan. Raises SetupError where no files to serve are known, InputError for a context below the chart's."""
    if plan.context < _LEAST_CONTEXT:
        problem = f"--write: no file written, `--context` {plan.context} is below the chart's minimum of {_LEAST_CONTEXT}"
        raise InputError(
            "--context", plan.context, f"use `--context {_LEAST_CONTEXT}` or more", problem=problem
        )
    if not plan.checkpoint:
        advice = next((row.hint for row in plan.warnings if row.rule == "no-checkpoint"), "")
        raise SetupError("--write: no file written, it is not known what to serve", hint=advice)
    if plan.checkpoint.startswith(("/", ".")):
        problem = f"--write: no file written, `{plan.checkpoint}` is a local path, which a pod does not have"
        raise SetupError(
            problem, hint="name the repository, or copy the files to a volume and set model.source to pvc"
        )
    body: dict[str, object] = {
        "engine": plan.engine,
        "model": _model(plan),
        "gpu": {
            "product": product(plan.gpu),
            "count": plan.gpus,
            **({"timeSlicing": True} if plan.shares_gpu_with else {}),
        },
        "quantization": plan.quantization,
        "dtype": plan.dtype if plan.engine in _DTYPES else _AUTO,
        "context": plan.context,
        "concurrency": plan.request_limit,
        "replicas": replicas,
        **_parallelism(plan),
        **_image(plan),
        **_limits(plan),
        **_kinds(plan),
    }
    return {**body, "capacity": _capacity(plan, body)}


def _parallelism(plan: Plan) -> dict[str, object]:
    """Ranks, stages and nodes. The nodes of a replica mount one volume."""
    sizes: dict[str, object] = {
        "tensor": plan.tensor_parallel,
        "pipeline": plan.pipeline_parallel,
        **({"data": plan.data_parallel} if plan.data_parallel > 1 else {}),
        **({"experts": True} if plan.expert_parallel else {}),
    }
    if plan.nodes == 1:
        return {"parallelism": sizes}
    if plan.engine not in START:
        engines = " or ".join(f"`--engine {name}`" for name in START)
        problem = f"--write: no file written, {plan.engine} starts on one node, and the plan has {plan.nodes}"
        raise SetupError(problem, hint=f"use {engines}, or fewer or larger GPUs")
    return {
        "parallelism": {**sizes, "nodes": plan.nodes},
        "persistence": {"accessModes": ["ReadWriteMany"]},
    }


def _model(plan: Plan) -> dict[str, object]:
    """The files. Ollama's tags and NIMs have no revision and no file."""
    name = plan.checkpoint
    return {
        "source": "hf",
        "name": name,
        **({"file": plan.checkpoint_file} if plan.checkpoint_file else {}),
        "revision": "main",
        "servedName": name.rsplit("/", maxsplit=1)[-1].lower().replace(":", "-"),
        **({"quantized": True} if _is_quantized(plan) else {}),
        **_file_size(plan),
    }


def _is_quantized(plan: Plan) -> bool:
    plain = plan.quantization in ("bf16", "fp16", "fp32") or plan.quantization.startswith("gguf")
    return plan.checkpoint_stored and not plain and plan.engine in ("vllm", "sglang", "tgi")


def _file_size(plan: Plan) -> dict[str, int]:
    """`sizeGiB` where the chart's table has no size: of models outside the catalogue, of GGUF files and of encoders."""
    in_catalogue = any(plan.model in row.names for row in default_catalogue().models)
    if in_catalogue and plan.kv_bytes_per_token and not plan.quantization.startswith("gguf"):
        return {}
    return {"sizeGiB": max(1, math.ceil(plan.checkpoint_gib))}


def _image(plan: Plan) -> dict[str, object]:
    """The image of another version of the engine than the chart's."""
    default = default_catalogue().engine(plan.engine).version
    tag = _TAGS.get(plan.engine)
    return (
        {"image": {"tag": tag.format(plan.engine_version)}} if tag and plan.engine_version != default else {}
    )


def _limits(plan: Plan) -> dict[str, object]:
    """Limits that are not the chart's defaults. llama.cpp and Ollama have no share of the memory."""
    cache = plan.cache_dtype
    multimodal = {
        **({} if plan.images is None else {"images": plan.images}),
        **({} if plan.image_pixels is None else {"maxPixels": plan.image_pixels}),
    }
    variables = [
        {"name": name, "value": value}
        for name, value in plan.environment.items()
        if name not in _CHART_VARIABLES
    ]
    rows: dict[str, object] = {
        "memoryShare": plan.memory_utilization if plan.engine in TENSOR_ENGINES else None,
        "kvCacheDtype": cache if cache != _AUTO else None,
        "batchedTokens": plan.prefill_tokens,
        "eager": plan.eager or None,
        "sharedCache": plan.shared_cache or None,
        "attentionBackend": plan.attention_backend or None,
        "multimodal": multimodal or None,
        "extraEnv": variables or None,
    }
    if "VLLM_ATTENTION_BACKEND" in plan.environment:
        rows["attentionBackend"] = None
    return {name: value for name, value in rows.items() if value is not None}


def _kinds(plan: Plan) -> dict[str, object]:
    """Kinds of serving, and the memory of the node that offloaded weights need."""
    offload = {
        **({"weightsGiB": plan.cpu_offload_gib} if plan.cpu_offload_gib else {}),
        **({} if plan.gpu_layers is None else {"gpuLayers": plan.gpu_layers}),
    }
    rows: dict[str, object] = {
        "lora": {"maxAdapters": plan.lora_adapters, "maxRank": plan.lora_rank} if plan.lora_adapters else {},
        "speculative": _speculative(plan),
        "runner": "pooling" if plan.pooling else None,
        "offload": offload,
        "resources": _memory(plan) if offload else {},
    }
    return {name: value for name, value in rows.items() if value}


def _speculative(plan: Plan) -> dict[str, object]:
    if not plan.speculative:
        return {}
    config = json.loads(plan.speculative)
    draft = {"model": config["model"]} if "model" in config else {}
    return {"method": config["method"], **draft, "tokens": config["num_speculative_tokens"]}


def _memory(plan: Plan) -> dict[str, object]:
    """Requests and limits that hold the offloaded part in addition to the chart's defaults for the server itself."""
    offloaded = math.ceil(plan.host_gib)
    request, limit = offloaded + _SERVER_GIB, max(_DEFAULT_LIMIT_GIB, offloaded + 2 * _SERVER_GIB)
    return {"requests": {"memory": f"{request}Gi"}, "limits": {"memory": f"{limit}Gi"}}


def _capacity(plan: Plan, body: dict[str, object]) -> dict[str, object]:
    """The plan's result, and the settings that it holds for: the chart's fit check compares them with its values."""
    in_catalogue = any(plan.model in row.names for row in default_catalogue().models)
    return {
        # The chart's table has the same rules: it would reject what --allow-unproven allows.
        **({"enforce": "warn"} if plan.overruled else {}),
        **({"model": plan.model} if in_catalogue and plan.model != plan.checkpoint else {}),
        "plan": {"tokens": plan.kv_tokens, "settings": settings(body)},
    }


def settings(body: dict[str, object]) -> list[str]:
    """What decides the memory, as charts/model-server writes it (templates/_capacity.tpl, model-server.settings)."""
    model, gpu, parallel = _part(body, "model"), _part(body, "gpu"), _part(body, "parallelism")
    multimodal, lora = _part(body, "multimodal"), _part(body, "lora")
    proposal, offload = _part(body, "speculative"), _part(body, "offload")
    return [
        f"engine={body['engine']}",
        f"image={_part(body, 'image').get('tag', '')}",
        f"model={model['name']}",
        f"gpu={gpu['product']}",
        f"count={gpu['count']}",
        f"quantization={body['quantization']}",
        f"dtype={body['dtype']}",
        f"context={body['context']}",
        f"concurrency={body['concurrency']}",
        f"memoryShare={float(str(body.get('memoryShare', 0))):g}",
        f"tensor={parallel['tensor']}",
        f"pipeline={parallel['pipeline']}",
        f"kvCacheDtype={body.get('kvCacheDtype', _AUTO)}",
        f"batchedTokens={body.get('batchedTokens', 0)}",
        f"eager={str(bool(body.get('eager'))).lower()}",
        f"sharedCache={str(bool(body.get('sharedCache'))).lower()}",
        f"images={multimodal.get('images', _AUTO)}",
        f"maxPixels={multimodal.get('maxPixels', 0)}",
        f"adapters={lora.get('maxAdapters', 0)}",
        f"adapterRank={lora.get('maxRank', 0)}",
        f"speculative={proposal.get('method', '')}:{proposal.get('model', '')}:{proposal.get('tokens', 0)}",
        f"runner={body.get('runner', _AUTO)}",
        f"offload={float(str(offload.get('weightsGiB', 0))):g}",
        f"gpuLayers={offload.get('gpuLayers', _AUTO)}",
        f"data={parallel.get('data', 1)}",
        f"experts={str(bool(parallel.get('experts'))).lower()}",
    ]


def _part(body: dict[str, object], key: str) -> dict[str, object]:
    part = body.get(key)
    return part if isinstance(part, dict) else {}


def write_values(plan: Plan, path: Path, *, overwrite: bool = False) -> None:
    """Write values.yaml. Raises SetupError for a plan that does not fit, InputError for a file that exists."""
    if not plan.fits:
        hint = f"the smallest change that fits: {plan.nearest.change}" if plan.nearest else ""
        outcome = "is unsupported" if plan.verdict == "unsupported" else "does not fit"
        raise SetupError(f"--write: no file written, the plan {outcome}: {plan.reason}", hint=hint)
    content = _head(plan) + yaml.safe_dump(values(plan), sort_keys=False, allow_unicode=True, width=120)
    write_output(path, content, "--write", overwrite=overwrite)


def _head(plan: Plan) -> str:
    unproven = f"# Unproven, by --allow-unproven: {', '.join(plan.overruled)}.\n" if plan.overruled else ""
    return (
        f"# Written by signalbox plan: {plan.checkpoint} on {quantity(plan.gpus, plan.gpu)}, {plan.quantization}.\n"
        f"# {plan.reason}\n{unproven}"
        "# model.revision should be a commit. capacity.plan holds for these settings: plan again after a change.\n"
    )
