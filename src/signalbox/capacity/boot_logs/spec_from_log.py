"""The spec that a boot ran with: the values of its log, completed and overridden by options."""

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
class LogOverrides:
    """Values that replace or complete those of the log; None: the log's value, else the engine's default."""

    gpu: str | None = None
    model: str | None = None
    config: Path | None = None
    quantization: str | None = None
    engine_version: str | None = None
    concurrency: int | None = None
    batched_tokens: int | None = None
    memory_utilization: float | None = None


def spec_of(measured: MeasuredBoot, overrides: LogOverrides, catalogue: Catalogue) -> Spec:
    """The spec of the boot. Raises InputError that names the option for a value that the log does not have."""
    gpu = overrides.gpu or measured.gpu
    if gpu is None:
        raise _missing("--gpu", "GPU", "`--gpu`, for example `--gpu H100`")
    tensor_parallel = measured.tensor_parallel or 1
    pipeline_parallel = measured.pipeline_parallel or 1
    model = _model(measured, overrides, catalogue)
    request = Request(
        model=model,
        config=overrides.config,
        gpu=gpu,
        engine=measured.engine,
        engine_version=overrides.engine_version or release(measured.version),
        quantization=_quantization(measured, overrides, model, catalogue),
        dtype=measured.dtype or AUTO,
        kv_dtype=measured.kv_dtype or AUTO,
        context=measured.context,
        concurrency=overrides.concurrency or _slots(measured),
        batched_tokens=overrides.batched_tokens or measured.batched_tokens,
        tensor_parallel=tensor_parallel,
        pipeline_parallel=pipeline_parallel,
        memory_utilization=overrides.memory_utilization or measured.memory_utilization,
        eager=bool(measured.eager),
    )
    question = resolve(request, catalogue)
    spec = question.spec(question.quantizations[0], tensor_parallel)
    return replace(spec, warm_cache=measured.cold is False)


def _slots(measured: MeasuredBoot) -> int | None:
    """Slots that share one cache are the engine's default, which a spec expresses as None."""
    return None if measured.unified else measured.concurrency


def release(version: str | None) -> str | None:
    """`0.23.1rc1.dev550+g58d6a6e60` is 0.23.1."""
    match = re.match(r"b?\d+(?:\.\d+)*", version or "")
    return match.group() if match else None


def _model(measured: MeasuredBoot, overrides: LogOverrides, catalogue: Catalogue) -> str | None:
    if overrides.model or overrides.config:
        return overrides.model
    if measured.model is None:
        raise _missing("--model", "model", "`--model` or `--config PATH`")
    name = measured.model
    if measured.engine == "llamacpp":
        name = _GGUF.sub("", PurePosixPath(name).name)
    try:
        find_model(name, None, catalogue)
    except InputError as error:
        problem = f"the log's model `{measured.model}` is not in the catalogue"
        hint = f"add `--model` or `--config PATH`; {error.hint}"
        raise InputError("--model", measured.model, hint, problem=problem) from error
    return name


def _quantization(
    measured: MeasuredBoot, overrides: LogOverrides, model: str | None, catalogue: Catalogue
) -> str:
    """The catalogue's name of the quantization that the engine loaded."""
    if overrides.quantization:
        return overrides.quantization
    method = measured.quantization
    if measured.engine == "llamacpp":
        return _catalogue_name(catalogue, f"gguf-{method}" if method else None)
    if method is None:
        return "fp16" if measured.dtype == "float16" else "bf16"
    declared = find_model(model, overrides.config, catalogue).checkpoint_quantization
    return declared or _catalogue_name(catalogue, _METHODS.get(method, method))


def _catalogue_name(catalogue: Catalogue, name: str | None) -> str:
    if name is None:
        raise _missing("--quantization", "quantization", "`--quantization`")
    try:
        return catalogue.quantization(name).name
    except InputError as error:
        problem = f"the log's quantization `{name}` is not in the catalogue"
        hint = f"add `--quantization`; {error.hint}"
        raise InputError("--quantization", name, hint, problem=problem) from error


def _missing(option: str, value: str, fix: str) -> InputError:
    return InputError(option, None, f"add {fix}", problem=f"the log does not name the {value}")
