"""`signalbox plan`: its options, and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from signalbox.command import command_settings

_GPU = "What the question is about"
_LIMITS = "Limits of the engine"
_OUTPUT = "Output"
_LOG = "What the log does not say"


def _option(panel: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=text, rich_help_panel=panel)
    return option


def plan(
    model: Annotated[str | None, _option(_GPU, "Catalogue name, hf:ORG/NAME, or a path.")] = None,
    gpu: Annotated[str | None, _option(_GPU, "One kind of GPU: L4, or 2xL4.")] = None,
    gpus: Annotated[str | None, _option(_GPU, 'Rank what fits on what you own: "2xT4,1xL4".')] = None,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster", help="Rank what fits on the free GPUs of the cluster.", rich_help_panel=_GPU
        ),
    ] = False,
    kube_context: Annotated[str | None, _option(_GPU, "Context of the kubeconfig, for --cluster.")] = None,
    config: Annotated[Path | None, _option(_GPU, "A config.json, for a model outside the catalogue.")] = None,
    fallback: Annotated[
        bool,
        typer.Option(
            "--fallback", help="Read an unknown architecture as a plain decoder.", rich_help_panel=_GPU
        ),
    ] = False,
    task: Annotated[Path | None, _option(_GPU, "Take the token lengths of this task's folder.")] = None,
    prices: Annotated[Path | None, _option(_GPU, "Prices per GPU hour and kWh; finds the cheapest.")] = None,
    corrections: Annotated[
        str | None,
        _option(_GPU, "Correct by the boots stored for this cluster; default: the only one stored."),
    ] = None,
    engine: Annotated[str, _option(_LIMITS, "vllm, tgi, llamacpp, ollama or nim.")] = "vllm",
    engine_version: Annotated[str | None, _option(_LIMITS, "Such as 0.24.0.")] = None,
    quantization: Annotated[str, _option(_LIMITS, "auto is the best quality that fits.")] = "auto",
    dtype: Annotated[str, _option(_LIMITS, "auto, bfloat16 or float16.")] = "auto",
    kv_dtype: Annotated[str, _option(_LIMITS, "Of the KV cache: auto, fp8, …")] = "auto",
    context: Annotated[int | None, _option(_LIMITS, "Tokens of a request, prompt and answer.")] = None,
    concurrency: Annotated[int | None, _option(_LIMITS, "Most requests at once.")] = None,
    batched_tokens: Annotated[int | None, _option(_LIMITS, "Most tokens of one engine step.")] = None,
    tp: Annotated[str, _option(_LIMITS, "Tensor parallelism; auto is the smallest that fits.")] = "auto",
    pp: Annotated[int, _option(_LIMITS, "Pipeline parallelism.")] = 1,
    gpu_memory_utilization: Annotated[
        float | None, _option(_LIMITS, "Share of the GPU, such as 0.9.")
    ] = None,
    eager: Annotated[
        bool, typer.Option("--eager", help="Without CUDA graphs.", rich_help_panel=_LIMITS)
    ] = False,
    write: Annotated[Path | None, _option(_OUTPUT, "Write Helm values for charts/model-server.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite the file of --write.", rich_help_panel=_OUTPUT)
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the answer as JSON.", rich_help_panel=_OUTPUT)
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Show every term with its formula and source.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    top: Annotated[
        int, typer.Option(min=0, help="Rows of a ranking; 0 is all.", rich_help_panel=_OUTPUT)
    ] = 20,
) -> None:
    """Say which model fits on which GPU, what it holds there and how to start it; nothing is downloaded."""
    with command_settings() as settings:
        from signalbox.capacity.cli import run
        from signalbox.capacity.planner.request import Request, tensor_parallel

        request = Request(
            model=model, gpu=gpu or "", config=config, fallback=fallback, task=task, engine=engine,
            engine_version=engine_version, quantization=quantization, dtype=dtype, kv_dtype=kv_dtype,
            context=context, concurrency=concurrency, batched_tokens=batched_tokens,
            tensor_parallel=tensor_parallel(tp), pipeline_parallel=pp,
            memory_utilization=gpu_memory_utilization, eager=eager,
        )  # fmt: skip
        where = run.Where(gpu, gpus, cluster=cluster, kube_context=kube_context, corrections=corrections)
        output = run.Output(write, force=force, as_json=as_json, explain=explain, top=top)
        run.run(settings, request, where, output, prices)


def check_boot(
    log: Annotated[Path, typer.Argument(help="Log of a vLLM or llama-server start.")],
    gpu: Annotated[str | None, _option(_LOG, "The GPU, such as H100.")] = None,
    model: Annotated[str | None, _option(_LOG, "The model.")] = None,
    config: Annotated[Path | None, _option(_LOG, "Its config.json.")] = None,
    quantization: Annotated[str | None, _option(_LOG, "The quantization.")] = None,
    engine_version: Annotated[str | None, _option(_LOG, "The engine's version.")] = None,
    concurrency: Annotated[int | None, _option(_LOG, "Most requests at once (max_num_seqs).")] = None,
    batched_tokens: Annotated[int | None, _option(_LOG, "max_num_batched_tokens.")] = None,
    gpu_memory_utilization: Annotated[float | None, _option(_LOG, "Share of the GPU.")] = None,
    store: Annotated[
        bool, typer.Option("--store", help="Correct `plan` by this boot from now on; needs --cluster.")
    ] = False,
    cluster: Annotated[str | None, typer.Option(help="Name of the cluster that --store is for.")] = None,
) -> None:
    """Compare a boot log of an engine with the plan, term by term."""
    with command_settings() as settings:
        from signalbox.capacity.boot_logs.compare import check_boot
        from signalbox.capacity.boot_logs.spec_from_log import Told

        told = Told(
            gpu=gpu,
            model=model,
            config=config,
            quantization=quantization,
            engine_version=engine_version,
            concurrency=concurrency,
            batched_tokens=batched_tokens,
            memory_utilization=gpu_memory_utilization,
        )
        check_boot(settings, log, Console(), told, keep=store, cluster=cluster)
