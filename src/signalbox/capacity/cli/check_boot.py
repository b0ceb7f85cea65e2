"""`signalbox check-boot LOG`: read the log, print the plan next to it, and store the difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.boot_logs.compare import Row, boot_of, check_storable, compare, other_gpu
from signalbox.capacity.boot_logs.corrections import load_corrections, store_boot
from signalbox.capacity.boot_logs.parse import read_log
from signalbox.capacity.boot_logs.spec_from_log import LogOverrides, spec_of
from signalbox.capacity.budget import Budget
from signalbox.capacity.gpu_names import quantity
from signalbox.capacity.memory import budget
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.spec import Spec
from signalbox.errors import InputError
from signalbox.settings import Settings


def check_boot(
    settings: Settings,
    log: Path,
    console: Console,
    overrides: LogOverrides | None = None,
    *,
    store: bool = False,
    cluster: str | None = None,
    catalogue: Catalogue | None = None,
    predict: Callable[[Spec], Budget] = budget,
) -> tuple[Row, ...]:
    """Print predicted against measured memory of a boot; `store` saves the difference for `cluster`."""
    if store and not (cluster or "").strip():
        problem = "`--store` requires the name of a cluster"
        raise InputError("--cluster", cluster, "add `--cluster NAME`", problem=problem)
    measured = read_log(log)
    spec = spec_of(measured, overrides or LogOverrides(), catalogue or default_catalogue())
    predicted = predict(spec)
    rows = compare(measured, predicted, spec)
    show_comparison(console, measured, spec, predicted, rows)
    if store and cluster:
        check_storable(measured, predicted, spec, log.name)
        now = datetime.now(UTC).replace(microsecond=0)
        boot = boot_of(measured, predicted, spec, cluster=cluster, log=log.name, now=now)
        path = store_boot(settings, boot)
        count = len(load_corrections(settings, cluster).boots)
        console.print(
            f"stored for cluster {cluster} in {path} (boots: {count})", markup=False, soft_wrap=True
        )
    return rows


def show_comparison(
    console: Console, measured: MeasuredBoot, spec: Spec, predicted: Budget, rows: tuple[Row, ...]
) -> None:
    """Print the table, the verdicts of both sides, and notes on how far they can be compared."""
    gpus = quantity(spec.tensor_parallel * spec.pipeline_parallel, spec.gpu.name)
    title = f"{spec.model.name} {spec.quantization.name} on {gpus}, {spec.engine.name} {spec.engine.version}"
    console.print(title, markup=False, highlight=False, soft_wrap=True)
    table = Table("per GPU", "predicted", "measured", "error")
    for row in rows:
        error = "" if row.error is None else f"{row.error:+.1%}"
        name = f"{row.term} (derived)" if row.derived else row.term
        table.add_row(name, _value(row.predicted, row.unit), _value(row.measured, row.unit), error)
    console.print(table)
    outcome = "failed" if measured.error else "started"
    console.print(
        f"predicted: {'fits' if predicted.fits else 'does not fit'}; measured: {outcome}", markup=False
    )
    for note in (*_notes(measured, predicted, spec), *measured.notes):
        console.print(f"note: {note}", markup=False)


def _notes(measured: MeasuredBoot, predicted: Budget, spec: Spec) -> Iterator[str]:
    if measured.error:
        yield f"error in the log: {measured.error}"
    if measured.cold is not None:
        cache, start = ("empty", "cold") if measured.cold else ("warm", "warm")
        yield f"the compile cache was {cache}: compared with the plan of a {start} start"
    if measured.version is None:
        yield f"no engine version in the log: {spec.engine.version} is assumed (--engine-version)"
    if (doubt := other_gpu(measured, predicted, spec)) is not None:
        yield f"{doubt}: check --gpu"
    if measured.engine == "vllm" and measured.concurrency is None:
        yield "no max_num_seqs in the log: the default is assumed (--concurrency)"


def _value(value: float, unit: str) -> str:
    return f"{value:,.0f}" if unit == "tokens" else f"{value:,.2f}{' GiB' if unit == 'GiB' else ''}"
