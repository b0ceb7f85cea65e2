"""From the options of `signalbox plan` to what is printed or written: the I/O around `plan` and `rank`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from signalbox.capacity.boot_logs.corrections import load_corrections, stored_clusters
from signalbox.capacity.cli.show_plan import explain, show
from signalbox.capacity.cli.show_ranking import show_ranking
from signalbox.capacity.hardware.cluster import cluster_gpus, pools
from signalbox.capacity.hardware.inventory import Pool, parse_gpus
from signalbox.capacity.hardware.nodes import NodeGpus
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.helm_values import write_values
from signalbox.capacity.planner.plan import Correct, default_catalogue, plan
from signalbox.capacity.planner.rank import Option, rank
from signalbox.capacity.planner.request import Request
from signalbox.capacity.planner.result import Plan
from signalbox.capacity.speed.energy import Prices, load_prices
from signalbox.errors import InputError
from signalbox.settings import Settings

_PRICED_COUNT = 8  # GPUs of a kind that a cloud puts into one machine


@dataclass(frozen=True)
class Where:
    """Which of the three ways to name GPUs was used."""

    gpu: str | None
    gpus: str | None
    cluster: bool
    kube_context: str | None
    corrections: str | None


@dataclass(frozen=True)
class Output:
    """What to do with the answer."""

    write: Path | None
    force: bool
    as_json: bool
    explain: bool
    top: int


def run(settings: Settings, request: Request, where: Where, output: Output, prices: Path | None) -> None:
    """Answer and print. Raises InputError and SetupError, which the command shows."""
    ways = [name for name in ("gpu", "gpus", "cluster") if getattr(where, name)]
    if len(ways) > 1:
        raise InputError("--gpu", ways, "Give one of --gpu, --gpus and --cluster.")
    if not ways and prices is None:
        raise InputError(
            "--gpu", None, "Name a GPU (--gpu L4), what you own (--gpus 2xT4,1xL4), or --cluster."
        )
    if where.kube_context is not None and not where.cluster:
        raise InputError("--kube-context", where.kube_context, "It goes with --cluster.")
    correct = _correct(settings, where)
    table = load_prices(prices, default_catalogue().gpu) if prices else None
    if where.gpu is not None:
        _one(request.model_copy(update={"gpu": where.gpu}), output, table, correct)
    else:
        _many(request, where, output, table, correct)


def _correct(settings: Settings, where: Where) -> Correct | None:
    """Corrections of the cluster that is named, of the context that is read, or of the only one that has some."""
    stored = stored_clusters(settings)
    name = where.corrections or (where.kube_context if where.kube_context in stored else None)
    if where.corrections is not None and name not in stored:
        known = f"Stored: {', '.join(stored)}." if stored else "None are stored."
        raise InputError("--corrections", name, f"{known} `signalbox check-boot --store` makes them.")
    if name is None and len(stored) == 1:
        name = stored[0]
    return load_corrections(settings, name).of if name else None


def _one(request: Request, output: Output, prices: Prices | None, correct: Correct | None) -> None:
    found = plan(request, correct=correct, prices=prices)
    if output.as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        console = Console()
        show(found, console)
        if output.explain:
            explain(found, console)
    _refuse_impossible(found)
    _write(found, request, output)


def _refuse_impossible(found: Plan) -> None:
    """A number that no GPU of any size would take is wrong input, not an answer."""
    for row in found.refusals:
        if field := _FIELDS.get(row.rule):
            flag, attribute = field
            raise InputError(flag, getattr(found, attribute), f"{row.reason} {row.hint}")


# Rule → option and field of the answer.
_FIELDS = {
    "tensor-parallel-split": ("--tp", "tensor_parallel"),
    "quantization-groups": ("--tp", "tensor_parallel"),
    "mig-parallel": ("--tp", "tensor_parallel"),
    "pipeline-layers": ("--pp", "pipeline_parallel"),
    "context-positions": ("--context", "context"),
    "kv-dtype-engine": ("--kv-dtype", "kv_dtype"),
}


def _many(
    request: Request, where: Where, output: Output, prices: Prices | None, correct: Correct | None
) -> None:
    rows = default_catalogue()
    owned, left_out = _inventory(where, rows, prices)
    ranking = rank(request, owned, rows, prices=prices, left_out=left_out, correct=correct)
    if output.as_json:
        typer.echo(ranking.model_dump_json(indent=2))
    else:
        show_ranking(ranking, Console(), top=output.top)
    if output.write is not None:
        if not ranking.options:
            raise InputError("--write", str(output.write), "Nothing fits, so there is nothing to write.")
        chosen = ranking.cheapest or ranking.options[0]
        _write(plan(_request_of(chosen, request), correct=correct, prices=prices), request, output)


def _request_of(option: Option, request: Request) -> Request:
    return request.model_copy(
        update={
            "model": option.model if request.config is None else request.model,
            "gpu": f"{option.gpus}x{option.gpu}",
            "quantization": option.quantization,
            "tensor_parallel": option.tensor_parallel,
        }
    )


def _inventory(where: Where, rows: Catalogue, prices: Prices | None) -> tuple[Sequence[Pool], list[str]]:
    if where.gpus is not None:
        return parse_gpus(where.gpus, rows.gpu), []
    if where.cluster:
        found = cluster_gpus(rows.gpus, where.kube_context)
        return pools(found), [_left_out(row) for row in found if row.excluded or not row.free]
    names = [] if prices is None else list(prices.gpu_hour)
    return [Pool(rows.gpu(name), _PRICED_COUNT, _PRICED_COUNT) for name in names], []


def _left_out(row: NodeGpus) -> str:
    why = row.excluded or f"all {row.total} are in use"
    return f"{row.node}: {row.label or 'GPU'}: {why}"


def _write(found: Plan, request: Request, output: Output) -> None:
    if output.write is None:
        return
    write_values(found, output.write, asked_model=request.model, force=output.force)
    if not output.as_json:
        Console().print(f"values written to {output.write}", markup=False, highlight=False, soft_wrap=True)
