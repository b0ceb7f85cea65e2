"""Helm values for charts/model-server, written from an answer."""

from __future__ import annotations

from pathlib import Path

import yaml

from signalbox.capacity.gpu_names import product
from signalbox.capacity.planner.result import Plan
from signalbox.errors import InputError, SetupError

_MOST_REQUESTS = 256  # the table that the chart checks against is made for so many


def values(plan: Plan, *, asked_model: str | None = None, replicas: int = 1) -> dict[str, object]:
    """The chart's values for an answer. `asked_model` wins over the catalogue's name where it is a repository."""
    repository = (asked_model or "").removeprefix("hf:")
    name = repository if repository.count("/") == 1 else plan.model
    return {
        "engine": plan.engine,
        "model": {
            "source": "hf",
            "name": name,
            "revision": "main",
            "servedName": name.rsplit("/", maxsplit=1)[-1].lower(),
        },
        "gpu": {"product": product(plan.gpu), "count": plan.gpus},
        "quantization": plan.quantization,
        "dtype": plan.dtype,
        "context": plan.context,
        "concurrency": plan.concurrency or max(1, min(_MOST_REQUESTS, int(plan.max_concurrency))),
        "replicas": replicas,
        "parallelism": {"tensor": plan.tensor_parallel, "pipeline": plan.pipeline_parallel},
    }


def write_values(plan: Plan, path: Path, *, asked_model: str | None = None, force: bool = False) -> None:
    """Write values.yaml. Refuses to write what does not fit, and to overwrite without `force`."""
    if not plan.fits:
        nearest = f" Nearest that works: {plan.nearest.change}." if plan.nearest else ""
        raise SetupError(f"--write: nothing was written, because it {_why(plan)}: {plan.reason}{nearest}")
    if path.exists() and not force:
        raise InputError(
            "--write", str(path), "The file exists: choose another, or overwrite it with --force."
        )
    head = (
        f"# Written by signalbox plan: {plan.model} on {plan.gpus}x{plan.gpu}, {plan.quantization}.\n"
        f"# {plan.reason}\n"
        "# model.name must be a checkpoint in this quantization; revision should be a commit.\n"
    )
    body = yaml.safe_dump(values(plan, asked_model=asked_model), sort_keys=False, allow_unicode=True)
    try:
        path.write_text(head + body, encoding="utf-8")
    except OSError as error:
        raise InputError("--write", str(path), f"It cannot be written ({error.strerror}).") from error


def _why(plan: Plan) -> str:
    return "is refused" if plan.verdict == "refused" else "does not fit"
