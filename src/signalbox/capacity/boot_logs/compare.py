"""Predicted against measured memory of a boot, term by term, and the correction that follows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from packaging.version import Version

from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.boot_logs.corrections import Boot
from signalbox.capacity.boot_logs.spec_from_log import release
from signalbox.capacity.budget import Budget, TermName
from signalbox.capacity.spec import Spec
from signalbox.capacity.units import GIB, parse_version
from signalbox.errors import InputError

_GRAPHS_IN_BUDGET = Version("0.21")  # vLLM's first version that subtracts its graph estimate from the cache
_MOST_TIMES = 4  # what is left to activation and non-torch memory, relative to the plan: more is another GPU
_GPU_TOLERANCE = 0.03  # drivers of one GPU differ by less than this in what CUDA shows


@dataclass(frozen=True)
class Row:
    """One term of the comparison. `unit` is GiB or a counted thing; `derived`: not a line of the log."""

    term: str
    predicted: float
    measured: float
    unit: str = "GiB"
    derived: bool = False

    @property
    def error(self) -> float | None:
        """Predicted relative to measured, 0.02 is 2 % too much; None where nothing was measured to divide by."""
        return self.predicted / self.measured - 1 if self.measured > 0 else None


def compare(measured: MeasuredBoot, predicted: Budget, spec: Spec) -> tuple[Row, ...]:
    """All terms that the log and the prediction have in common, in the order of the budget."""
    rows = [
        _row(name, _term(predicted, name), actual)
        for name, actual in _measured_terms(measured).items()
        if actual is not None
    ]
    if (rest := _rest(measured, spec)) is not None:
        both = _term(predicted, "activation") + _term(predicted, "non_torch")
        rows.append(_row("activation + non_torch", both, rest, derived=True))
    if measured.kv_bytes is not None:
        rows.append(_row("kv_cache", predicted.kv_bytes, measured.kv_bytes))
    if measured.kv_tokens is not None:
        rows.append(Row("cached tokens", predicted.kv_tokens, measured.kv_tokens, "tokens"))
    if measured.max_concurrency is not None:
        rows.append(Row("full requests", predicted.max_concurrency, measured.max_concurrency, "requests"))
    if measured.total_bytes is not None:
        rows.append(_row("total", predicted.total_bytes, measured.total_bytes))
    return tuple(rows)


def boot_of(
    measured: MeasuredBoot, predicted: Budget, spec: Spec, *, cluster: str, log: str, now: datetime
) -> Boot:
    """Measured minus predicted of each term. Raises InputError where the log measures no term."""
    differences = {
        f"{name}_bytes": actual - _term(predicted, name)
        for name, actual in _measured_terms(measured).items()
        if actual is not None
    }
    if (rest := _rest(measured, spec)) is not None:
        both = _term(predicted, "activation") + _term(predicted, "non_torch")
        differences["activation_bytes"] = rest - both
        differences["non_torch_bytes"] = 0
    if not differences:
        problem = f"`{log}` measures no term, nothing is stored"
        raise InputError("--store", log, "use the log of a boot that loads the model", problem=problem)
    return Boot(
        cluster=cluster,
        engine=spec.engine.name,
        version=spec.engine.version,
        regime=spec.engine.regime,
        gpu=spec.gpu.name,
        model=spec.model.name,
        quantization=spec.quantization.name,
        tensor_parallel=spec.tensor_parallel,
        pipeline_parallel=spec.pipeline_parallel,
        recorded=now,
        log=log,
        **differences,
    )


def check_storable(measured: MeasuredBoot, predicted: Budget, spec: Spec, log: str) -> None:
    """Raises InputError for a boot that would correct plans by another machine's memory."""
    if not measured.on_gpu:
        problem = f"no layer was on a GPU in `{log}`, nothing is stored"
        raise InputError("--store", log, "boot llama-server with --n-gpu-layers", problem=problem)
    if (doubt := other_gpu(measured, predicted, spec)) is not None:
        raise InputError("--store", log, "check `--gpu`", problem=f"{doubt}, nothing is stored")


def other_gpu(measured: MeasuredBoot, predicted: Budget, spec: Spec) -> str | None:
    """The evidence that the boot ran on another GPU than `spec` names; None without any."""
    total, gpu = measured.total_bytes, spec.gpu
    if total is not None and abs(gpu.total_bytes / total - 1) > _GPU_TOLERANCE:
        return f"the log's GPU has {total / GIB:.2f} GiB, {gpu.product} has {gpu.total_gib} GiB"
    rest = None if total is not None else _rest(measured, spec)
    both = _term(predicted, "activation") + _term(predicted, "non_torch")
    if rest is not None and rest > _MOST_TIMES * both:
        return f"{rest / GIB:.2f} GiB of activation and non-torch memory are implausible on {gpu.product}"
    return None


def _measured_terms(measured: MeasuredBoot) -> dict[TermName, int | None]:
    """The terms of the budget as measured; `_rest` gives activation and non-torch memory where one is missing."""
    whole = measured.activation_bytes is not None and (
        measured.non_torch_bytes is not None or measured.engine == "llamacpp"
    )
    return {
        "weights": measured.weights_bytes,
        "activation": measured.activation_bytes if whole else None,
        "non_torch": measured.non_torch_bytes if whole else None,
        "graphs": _graphs(measured),
    }


def _graphs(measured: MeasuredBoot) -> int | None:
    """What the budget counts for graphs: since 0.21 the estimate, before that their actual size."""
    estimate = measured.graphs_estimate_bytes
    if estimate is not None and _version(measured.version) >= _GRAPHS_IN_BUDGET:
        return estimate
    return measured.graphs_bytes


def _rest(measured: MeasuredBoot, spec: Spec) -> int | None:
    """Activation and non-torch memory together, as the rest of vLLM's budget, where no line of the log has them.

    None also where the rest is negative: then the GPU or its share differs from the boot's.
    """
    if measured.engine != "vllm" or _measured_terms(measured)["activation"] is not None:
        return None
    weights, cache = measured.weights_bytes, measured.kv_bytes
    if weights is None or cache is None or measured.kv_is_option:
        return None
    share = spec.engine.memory_utilization if spec.memory_utilization is None else spec.memory_utilization
    usable = math.ceil((measured.total_bytes or spec.gpu.total_bytes) * share)
    in_budget = _version(measured.version or spec.engine.version) >= _GRAPHS_IN_BUDGET
    graphs = (measured.graphs_estimate_bytes or 0) if in_budget else 0
    rest = usable - weights - graphs - cache
    return rest if rest > 0 else None


def _row(term: str, predicted: int, measured: int, *, derived: bool = False) -> Row:
    return Row(term, predicted / GIB, measured / GIB, derived=derived)


def _term(predicted: Budget, name: TermName) -> int:
    term = predicted.term(name)
    return term.bytes if term else 0


def _version(version: str | None) -> Version:
    return parse_version(release(version) or "0")
