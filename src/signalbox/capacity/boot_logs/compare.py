"""`signalbox check-boot LOG`: predicted against measured, term by term, and what to correct from then on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import Version
from rich.console import Console
from rich.table import Table

from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.boot_logs.corrections import Boot, load_corrections, store
from signalbox.capacity.boot_logs.parse import read_log
from signalbox.capacity.boot_logs.spec_from_log import Told, release, spec_of
from signalbox.capacity.budget import Budget, TermName
from signalbox.capacity.memory import budget
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.spec import Spec
from signalbox.capacity.units import GIB, parse_version
from signalbox.errors import InputError
from signalbox.settings import Settings

_GRAPHS_IN_BUDGET = parse_version(
    "0.21"
)  # vLLM's first version that subtracts its graph estimate from the cache
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
    """MeasuredBoot minus predicted of each term. Raises InputError when the log gives no term to learn from."""
    learnt = {
        f"{name}_bytes": actual - _term(predicted, name)
        for name, actual in _measured_terms(measured).items()
        if actual is not None
    }
    if (rest := _rest(measured, spec)) is not None:
        both = _term(predicted, "activation") + _term(predicted, "non_torch")
        learnt["activation_bytes"] = rest - both
        learnt["non_torch_bytes"] = 0
    if not learnt:
        raise InputError(
            "--store", log, "The log measures no term; give the log of a boot that loads the model."
        )
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
        **learnt,
    )


def check_boot(
    settings: Settings,
    log: Path,
    console: Console,
    told: Told | None = None,
    *,
    keep: bool = False,
    cluster: str | None = None,
    catalogue: Catalogue | None = None,
    judge: Callable[[Spec], Budget] = budget,
) -> tuple[Row, ...]:
    """Print predicted against measured of a boot log; `keep` stores the difference for `cluster`."""
    if keep and not (cluster or "").strip():
        raise InputError("--cluster", cluster, "--store needs a name for the cluster: --cluster NAME.")
    measured = read_log(log)
    spec = spec_of(measured, told or Told(), catalogue or default_catalogue())
    predicted = judge(spec)
    rows = compare(measured, predicted, spec)
    show(console, measured, spec, predicted, rows)
    if keep and cluster:
        _check_stored(measured, predicted, spec, log.name)
        now = datetime.now(UTC).replace(microsecond=0)
        path = store(settings, boot_of(measured, predicted, spec, cluster=cluster, log=log.name, now=now))
        console.print(f"stored for cluster {cluster} in {path}; boots there: {_count(settings, cluster)}")
    return rows


def show(
    console: Console, measured: MeasuredBoot, spec: Spec, predicted: Budget, rows: tuple[Row, ...]
) -> None:
    """The table, and what to know about it."""
    gpus = spec.tensor_parallel * spec.pipeline_parallel
    what = f"{spec.model.name} {spec.quantization.name} on {gpus}x{spec.gpu.name}"
    console.print(f"{what}, {spec.engine.name} {spec.engine.version}", markup=False, soft_wrap=True)
    table = Table("of one GPU", "predicted", "measured", "error")
    for row in rows:
        error = "" if row.error is None else f"{row.error:+.1%}"
        name = f"{row.term} (derived)" if row.derived else row.term
        table.add_row(name, _shown(row.predicted, row.unit), _shown(row.measured, row.unit), error)
    console.print(table)
    started = "it did not start" if measured.error else "it started"
    console.print(f"predicted: {'fits' if predicted.fits else 'does not fit'}; log: {started}", markup=False)
    for note in (*_remarks(measured, predicted, spec), *measured.notes):
        console.print(f"note: {note}", markup=False)


def _check_stored(measured: MeasuredBoot, predicted: Budget, spec: Spec, log: str) -> None:
    """Refuse what would correct plans by another machine's memory."""
    if not measured.on_gpu:
        raise InputError("--store", log, "No layer lay on a GPU: boot with --n-gpu-layers, then store.")
    if (doubt := _other_gpu(measured, predicted, spec)) is not None:
        raise InputError("--store", log, f"Nothing was stored: {doubt}. Give the --gpu that was booted.")


def _other_gpu(measured: MeasuredBoot, predicted: Budget, spec: Spec) -> str | None:
    """What says that the boot was on another GPU than `spec` has."""
    total, gpu = measured.total_bytes, spec.gpu
    if total is not None and abs(gpu.total_bytes / total - 1) > _GPU_TOLERANCE:
        return f"the log's GPU shows {total / GIB:.2f} GiB, {gpu.name} has {gpu.total_gib} GiB"
    rest = None if total is not None else _rest(measured, spec)
    both = _term(predicted, "activation") + _term(predicted, "non_torch")
    if rest is not None and rest > _MOST_TIMES * both:
        return f"{rest / GIB:.2f} GiB would be activation and non-torch memory on {gpu.name}"
    return None


def _remarks(measured: MeasuredBoot, predicted: Budget, spec: Spec) -> list[str]:
    remarks = [f"the engine said: {measured.error}"] if measured.error else []
    if measured.cold is not None:
        remarks.append(
            "the compile cache was empty: compared with the plan of a first start, which compiles"
            if measured.cold
            else "the compile cache was filled: compared with the plan of a later start, which does not compile"
        )
    if measured.version is None:
        remarks.append(
            f"the log does not say the version: {spec.engine.version} is assumed (--engine-version)"
        )
    if (doubt := _other_gpu(measured, predicted, spec)) is not None:
        remarks.append(f"{doubt}: is --gpu right?")
    if measured.engine == "vllm" and measured.concurrency is None:
        remarks.append("the log does not say max_num_seqs: the default is assumed (--concurrency)")
    return remarks


def _measured_terms(measured: MeasuredBoot) -> dict[TermName, int | None]:
    """The terms of the budget as measured; where one of activation and non-torch lacks, `_rest` has both."""
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
    """What the budget is charged for graphs: since 0.21 the estimate, before that what they took."""
    estimate = measured.graphs_estimate_bytes
    if estimate is not None and _version(measured.version) >= _GRAPHS_IN_BUDGET:
        return estimate
    return measured.graphs_bytes


def _rest(measured: MeasuredBoot, spec: Spec) -> int | None:
    """Activation and non-torch memory together, from what vLLM's budget leaves: only when no line tells them.

    None too where nothing would be left: then the GPU or its share is not the one that was booted.
    """
    if measured.engine != "vllm" or _measured_terms(measured)["activation"] is not None:
        return None
    weights, cache = measured.weights_bytes, measured.kv_bytes
    if weights is None or cache is None or measured.kv_given:
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


def _shown(value: float, unit: str) -> str:
    return f"{value:,.0f}" if unit == "tokens" else f"{value:,.2f}{' GiB' if unit == 'GiB' else ''}"


def _version(version: str | None) -> Version:
    return parse_version(release(version) or "0")


def _count(settings: Settings, cluster: str) -> int:
    return len(load_corrections(settings, cluster).boots)
