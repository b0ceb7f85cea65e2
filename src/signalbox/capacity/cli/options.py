"""The options of `signalbox plan` and `signalbox check-boot`, each declared once as a field of a dataclass.

Typer reads options from a function's signature. `command_of` gives a function of one dataclass the signature of its
fields, so that the code behind a command receives one typed value. Field names are those of `planner.request.Request`
and `boot_logs.spec_from_log.LogOverrides`, which copy the fields that they share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

Options = TypeVar("Options")
_INPUT = "Model and hardware"
_ENGINE = "Engine limits"
_KINDS = "Kinds of serving"
_OUTPUT = "Output"
_OVERRIDES = "Overrides for missing log values"
_STORE = "Corrections"


def _option(panel: str, text: str, *names: str, minimum: int | None = None) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(*names, help=text, rich_help_panel=panel, min=minimum)
    return option


@dataclass(frozen=True)
class PlanOptions:
    """The command line of `signalbox plan`."""

    model: Annotated[
        str | None, _option(_INPUT, "Catalogue name, hf:ORG/NAME[:TYPE], Ollama tag, or a path.")
    ] = None
    gpu: Annotated[
        str | None, _option(_INPUT, "GPUs of one kind (L4, 2xL4), a cloud machine (g6.12xlarge), or auto.")
    ] = None
    gpu_memory: Annotated[
        float | None, _option(_INPUT, "Memory of a GPU in GB, without its name or instead of its own.")
    ] = None
    capability: Annotated[float | None, _option(_INPUT, "Compute capability of that GPU, such as 8.6.")] = (
        None
    )
    bandwidth: Annotated[float | None, _option(_INPUT, "Memory bandwidth of that GPU in GB/s.")] = None
    gpus: Annotated[str | None, _option(_INPUT, "Rank what fits on an inventory, such as 2xT4,1xL4.")] = None
    cluster: Annotated[bool, _option(_INPUT, "Rank what fits on the cluster's free GPUs.", "--cluster")] = (
        False
    )
    kube_context: Annotated[str | None, _option(_INPUT, "Context of the kubeconfig, for --cluster.")] = None
    config: Annotated[Path | None, _option(_INPUT, "config.json of a model outside the catalogue.")] = None
    fallback: Annotated[
        bool, _option(_INPUT, "Treat an unknown architecture as a plain decoder.", "--fallback")
    ] = False
    task: Annotated[Path | None, _option(_INPUT, "Task folder that sets the token lengths.")] = None
    prices: Annotated[Path | None, _option(_INPUT, "Prices per GPU hour and kWh; finds the cheapest.")] = None
    corrections: Annotated[
        str | None, _option(_INPUT, "Cluster whose stored boots correct the plan; defaults to the only one.")
    ] = None

    engine: Annotated[
        str | None,
        _option(
            _ENGINE,
            "vllm, sglang, tgi, llamacpp, ollama or nim. Defaults to vllm; to ollama for an Ollama tag, to llamacpp for "
            "GGUF.",
        ),
    ] = None
    engine_version: Annotated[str | None, _option(_ENGINE, "Version of the engine, such as 0.24.0.")] = None
    quantization: Annotated[str, _option(_ENGINE, "Quantization; auto is the best quality that fits.")] = (
        "auto"
    )
    dtype: Annotated[str, _option(_ENGINE, "auto, bfloat16 or float16.")] = "auto"
    kv_dtype: Annotated[str, _option(_ENGINE, "Type of the KV cache: auto, fp8, …")] = "auto"
    context: Annotated[int | None, _option(_ENGINE, "Tokens per request, prompt and answer.")] = None
    concurrency: Annotated[int | None, _option(_ENGINE, "Maximum concurrent requests.")] = None
    batched_tokens: Annotated[int | None, _option(_ENGINE, "Maximum tokens per engine step.")] = None
    tensor_parallel: Annotated[
        str, _option(_ENGINE, "Tensor parallelism; auto is the smallest that fits.", "--tp")
    ] = "auto"
    pipeline_parallel: Annotated[int, _option(_ENGINE, "Pipeline parallelism.", "--pp")] = 1
    gpus_per_node: Annotated[
        int, _option(_ENGINE, "Most GPUs of one node: tensor parallelism stays inside, stages go across.")
    ] = 8
    memory_utilization: Annotated[
        float | None, _option(_ENGINE, "Share of the GPU's memory, such as 0.9.", "--gpu-memory-utilization")
    ] = None
    eager: Annotated[bool, _option(_ENGINE, "Disable CUDA graphs (eager mode).", "--eager")] = False
    images: Annotated[
        int | None, _option(_ENGINE, "Most images per prompt; 0 serves text only.", minimum=0)
    ] = None
    image_pixels: Annotated[int | None, _option(_ENGINE, "Pixels of the largest image.")] = None
    lora_adapters: Annotated[int | None, _option(_KINDS, "Slots for LoRA adapters.")] = None
    lora_rank: Annotated[int | None, _option(_KINDS, "Largest rank of the adapters; defaults to 16.")] = None
    speculative: Annotated[
        str | None, _option(_KINDS, "Speculative decoding: draft:MODEL, mtp or ngram.")
    ] = None
    speculative_tokens: Annotated[
        int | None, _option(_KINDS, "Proposed tokens per step; defaults to 1 with mtp, else 5.")
    ] = None
    pooling: Annotated[bool, _option(_KINDS, "Serve embeddings or classes, not text.", "--pooling")] = False
    cpu_offload: Annotated[
        float | None,
        _option(_KINDS, "GiB of weights per GPU that vLLM keeps in the host's memory.", "--cpu-offload-gb"),
    ] = None
    gpu_layers: Annotated[
        str | None, _option(_KINDS, "Layers that llama.cpp keeps on GPUs: auto for all that fit.")
    ] = None
    data_parallel: Annotated[
        int, _option(_KINDS, "Data-parallel ranks, which share the experts of a model.")
    ] = 1
    share_with: Annotated[
        str | None, _option(_KINDS, "A second model on the same GPU: computes the share of both.")
    ] = None
    expert_parallel: Annotated[
        bool, _option(_KINDS, "Whole experts on each GPU instead of parts of all.", "--expert-parallel")
    ] = False
    allow_unproven: Annotated[
        bool,
        _option(
            _ENGINE,
            "Allow combinations that nobody has proven to work; known failures stay unsupported.",
            "--allow-unproven",
        ),
    ] = False

    write: Annotated[Path | None, _option(_OUTPUT, "Write Helm values for charts/model-server.")] = None
    html: Annotated[
        Path | None, _option(_OUTPUT, "Write the answer as a page of one file, with sliders.")
    ] = None
    language: Annotated[str, _option(_OUTPUT, "Language of the page: en or de.")] = "en"
    overwrite: Annotated[
        bool, _option(_OUTPUT, "Overwrite the file of --write and --html.", "--overwrite")
    ] = False
    as_json: Annotated[bool, _option(_OUTPUT, "Print JSON.", "--json")] = False
    explain: Annotated[
        bool, _option(_OUTPUT, "Show every term with its formula and source.", "--explain")
    ] = False
    sort: Annotated[
        str, _option(_OUTPUT, "Order of a ranking: quality, size, speed, requests, price or newest.")
    ] = "quality"
    quality: Annotated[
        Path | None, _option(_OUTPUT, "answers.json of `signalbox compare`: ranks by measured accuracy.")
    ] = None
    top: Annotated[int, _option(_OUTPUT, "Rows of a ranking; 0 shows all.", minimum=0)] = 20


@dataclass(frozen=True)
class BootOptions:
    """The command line of `signalbox check-boot`."""

    log: Annotated[Path, typer.Argument(help="Boot log of vLLM or llama-server.")]
    gpu: Annotated[str | None, _option(_OVERRIDES, "GPU, such as H100.")] = None
    model: Annotated[
        str | None, _option(_OVERRIDES, "Catalogue name, hf:ORG/NAME[:TYPE], Ollama tag, or a path.")
    ] = None
    config: Annotated[Path | None, _option(_OVERRIDES, "The model's config.json.")] = None
    quantization: Annotated[str | None, _option(_OVERRIDES, "Quantization.")] = None
    engine_version: Annotated[str | None, _option(_OVERRIDES, "Version of the engine.")] = None
    concurrency: Annotated[int | None, _option(_OVERRIDES, "Maximum concurrent requests (max_num_seqs).")] = (
        None
    )
    batched_tokens: Annotated[
        int | None, _option(_OVERRIDES, "Maximum tokens per engine step (max_num_batched_tokens).")
    ] = None
    memory_utilization: Annotated[
        float | None,
        _option(_OVERRIDES, "Share of the GPU's memory, such as 0.9.", "--gpu-memory-utilization"),
    ] = None
    store: Annotated[
        bool, _option(_STORE, "Correct later plans by this boot; requires --cluster.", "--store")
    ] = False
    cluster: Annotated[str | None, _option(_STORE, "Name of the cluster that --store is for.")] = None


def command_of(options: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Decorate a function of `options` so that Typer sees a parameter for each of its fields."""

    def decorate(function: Callable[[Options], None]) -> Callable[..., None]:
        @wraps(function)
        def command(**values: Any) -> None:  # noqa: ANN401 - typed by the fields
            function(options(**values))

        hints = get_type_hints(options, include_extras=True)
        parameters = [
            Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=Parameter.empty if field.default is MISSING else field.default,
                annotation=hints[field.name],
            )
            for field in fields(options)  # type: ignore[arg-type]
        ]
        command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = hints
        return command

    return decorate


def common_fields(options: object, names: set[str]) -> dict[str, Any]:
    """The values of `options` for the fields that are in `names`."""
    return {name: value for name, value in vars(options).items() if name in names}
