"""The set-up that a boot log was written by: the log's own words, completed by what a person adds."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.models.sources import find_model
from signalbox.capacity.planner.request import AUTO, Request, resolve
from signalbox.capacity.spec import Spec
from signalbox.errors import InputError

_GGUF = re.compile(
    r"(?:[-_.](?:UD-)?(?:I?Q\d\w*|B?F16|F32|MXFP4\w*))?(?:-\d{5}-of-\d{5})?\.gguf$", re.IGNORECASE
)
# vLLM's name of a quantization method → the catalogue's, where the method alone says enough.
_METHODS = {
    "gptq_marlin": "gptq-int4",
    "gptq": "gptq-int4",
    "awq_marlin": "awq-int4",
    "awq": "awq-int4",
    "bitsandbytes": "bnb-nf4",
    "modelopt_fp4": "nvfp4",
}


@dataclass(frozen=True)
class Told:
    """What the person adds to the log; None: the log's own word, else the engine's default."""

    gpu: str | None = None
    model: str | None = None
    config: Path | None = None
    quantization: str | None = None
    engine_version: str | None = None
    concurrency: int | None = None
    batched_tokens: int | None = None
    memory_utilization: float | None = None


def spec_of(measured: MeasuredBoot, told: Told, catalogue: Catalogue) -> Spec:
    """The set-up that was booted. Raises InputError that names the option for what the log lacks."""
    gpu = told.gpu or measured.gpu
    if gpu is None:
        raise InputError("--gpu", None, "The log does not name the GPU: give --gpu, such as --gpu h100.")
    tensor_parallel = measured.tensor_parallel or 1
    pipeline_parallel = measured.pipeline_parallel or 1
    model = _model(measured, told, catalogue)
    request = Request(
        model=model,
        config=told.config,
        gpu=gpu,
        engine=measured.engine,
        engine_version=told.engine_version or release(measured.version),
        quantization=_quantization(measured, told, model, catalogue),
        dtype=measured.dtype or AUTO,
        kv_dtype=measured.kv_dtype or AUTO,
        context=measured.context,
        concurrency=told.concurrency or _slots(measured),
        batched_tokens=told.batched_tokens or measured.batched_tokens,
        tensor_parallel=tensor_parallel,
        pipeline_parallel=pipeline_parallel,
        memory_utilization=told.memory_utilization or measured.memory_utilization,
        eager=bool(measured.eager),
    )
    question = resolve(request, catalogue)
    spec = question.spec(question.quantizations[0], tensor_parallel)
    return replace(spec, warm_cache=measured.cold is False)


def _slots(measured: MeasuredBoot) -> int | None:
    """Slots that share one cache are the engine's default, which the planner knows as no number."""
    return None if measured.unified else measured.concurrency


def release(version: str | None) -> str | None:
    """`0.23.1rc1.dev550+g58d6a6e60` is 0.23.1."""
    found = re.match(r"b?\d+(?:\.\d+)*", version or "")
    return found.group() if found else None


def _model(measured: MeasuredBoot, told: Told, catalogue: Catalogue) -> str | None:
    if told.model or told.config:
        return told.model
    if measured.model is None:
        raise InputError("--model", None, "The log does not name the model: give --model, or --config PATH.")
    written = measured.model
    name = _GGUF.sub("", PurePosixPath(written).name) if measured.engine == "llamacpp" else written
    try:
        find_model(name, None, catalogue)
    except InputError as error:
        hint = f"The log's model is not in the catalogue: give --model or --config PATH. {error.hint}"
        raise InputError("--model", written, hint) from error
    return name


def _quantization(measured: MeasuredBoot, told: Told, model: str | None, catalogue: Catalogue) -> str:
    """The catalogue's name of what was loaded."""
    if told.quantization:
        return told.quantization
    method = measured.quantization
    if measured.engine == "llamacpp":
        return _known(catalogue, f"gguf-{method}" if method else None)
    if method is None:
        return "fp16" if measured.dtype == "float16" else "bf16"
    declared = find_model(model, told.config, catalogue).checkpoint_quantization
    return declared or _known(catalogue, _METHODS.get(method, method))


def _known(catalogue: Catalogue, name: str | None) -> str:
    if name is None:
        raise InputError(
            "--quantization", None, "The log does not say the quantization: give --quantization."
        )
    try:
        return catalogue.quantization(name).name
    except InputError as error:
        hint = f"The log's quantization is not one of the catalogue: give --quantization. {error.hint}"
        raise InputError("--quantization", name, hint) from error
