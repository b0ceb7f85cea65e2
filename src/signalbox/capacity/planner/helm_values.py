"""Helm values for charts/model-server, written from a plan."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import yaml

from signalbox.capacity.gpu_names import product, quantity
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.planner.result import Plan
from signalbox.capacity.spec import TENSOR_ENGINES
from signalbox.capacity.support.matrix import load_support
from signalbox.errors import InputError, SetupError

_MOST_REQUESTS = 256  # the concurrency that the chart's capacity table is computed for
_HALF_BITS = 16


def values(plan: Plan, *, model: str | None = None, replicas: int = 1) -> dict[str, object]:
    """The chart's values for a plan. `model` replaces the catalogue's name where it is a repository."""
    repository = (model or "").removeprefix("hf:")
    name = repository if repository.count("/") == 1 else plan.model
    return {
        "engine": plan.engine,
        "model": {
            "source": "hf",
            "name": name,
            "revision": "main",
            "servedName": name.rsplit("/", maxsplit=1)[-1].lower(),
            **_file_size(plan),
        },
        "gpu": {"product": product(plan.gpu), "count": plan.gpus},
        "quantization": plan.quantization,
        "dtype": plan.dtype,
        "context": plan.context,
        "concurrency": plan.concurrency or max(1, min(_MOST_REQUESTS, int(plan.max_concurrency))),
        "replicas": replicas,
        "parallelism": {"tensor": plan.tensor_parallel, "pipeline": plan.pipeline_parallel},
        **_memory_share(plan),
        # The chart's table has the same rules: it would reject what --allow-unproven allows.
        **({"capacity": {"enforce": "warn"}} if plan.overruled else {}),
    }


def _memory_share(plan: Plan) -> dict[str, float]:
    """`memoryShare` if it is not the engine's default, which the chart has. llama.cpp and Ollama have no such setting."""
    default = default_catalogue().engine(plan.engine).memory_utilization
    own = plan.engine in TENSOR_ENGINES and plan.memory_utilization != default
    return {"memoryShare": plan.memory_utilization} if own else {}


def _file_size(plan: Plan) -> dict[str, int]:
    """`sizeGiB` of a model that the chart's table lacks: its weights, in 16 bits if they are quantized while loading."""
    rows = default_catalogue()
    with suppress(InputError):
        rows.model(plan.model)
        return {}
    bits = rows.quantization(plan.quantization).linear_bits
    on_load = plan.quantization in load_support().while_loading.get(plan.engine, ())
    growth = _HALF_BITS / bits if on_load and bits else 1.0
    return {"sizeGiB": math.ceil(plan.weights_gib * plan.tensor_parallel * plan.pipeline_parallel * growth)}


def write_values(plan: Plan, path: Path, *, model: str | None = None, overwrite: bool = False) -> None:
    """Write values.yaml. Raises SetupError for a plan that does not fit, InputError for a file that exists."""
    if not plan.fits:
        hint = f"the smallest change that fits: {plan.nearest.change}" if plan.nearest else ""
        outcome = "is unsupported" if plan.verdict == "unsupported" else "does not fit"
        raise SetupError(f"--write: no file written, the plan {outcome}: {plan.reason}", hint=hint)
    if path.exists() and not overwrite:
        raise InputError(
            "--write", str(path), "use another path, or --overwrite", problem=f"`{path}` (`--write`) exists"
        )
    body = yaml.safe_dump(values(plan, model=model), sort_keys=False, allow_unicode=True)
    try:
        path.write_text(_head(plan) + body, encoding="utf-8")
    except OSError as error:
        problem = f"cannot write `{path}` (`--write`): {error.strerror}"
        raise InputError(
            "--write", str(path), "use a path in a folder that exists", problem=problem
        ) from error


def _head(plan: Plan) -> str:
    unproven = f"# Unproven, by --allow-unproven: {', '.join(plan.overruled)}.\n" if plan.overruled else ""
    return (
        f"# Written by signalbox plan: {plan.model} on {quantity(plan.gpus, plan.gpu)}, {plan.quantization}.\n"
        f"# {plan.reason}\n{unproven}"
        "# model.name must be a checkpoint in this quantization; revision should be a commit.\n"
    )
