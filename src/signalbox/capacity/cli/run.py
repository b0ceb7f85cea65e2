"""From the options of `signalbox plan` to its output: the I/O around `plan` and `rank`.

Each form of answer imports its own modules: the most frequent one, a plan on the screen, needs few of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from signalbox.capacity.boot_logs.corrections import HasState, load_corrections, stored_clusters
from signalbox.capacity.cli.options import PlanOptions, common_fields
from signalbox.capacity.cli.show_plan import explain, show
from signalbox.capacity.hardware.inventory import Pool, parse_gpus
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.models.catalogue_names import default_engine
from signalbox.capacity.planner.evaluate import Correct
from signalbox.capacity.planner.plan import default_catalogue, plan
from signalbox.capacity.planner.request import Request, tensor_parallel
from signalbox.capacity.planner.result import Plan
from signalbox.capacity.speed.energy import Prices, load_prices
from signalbox.errors import InputError
from signalbox.io import write_output

if TYPE_CHECKING:
    from signalbox.capacity.answers.rank import Option
    from signalbox.capacity.hardware.nodes import NodeGpus

_PRICED_COUNT = 8  # GPUs of a kind that a cloud offers in one machine


def run(state: HasState, options: PlanOptions) -> None:
    """Plan or rank, and print. Raises InputError and SetupError, which the command shows."""
    _check_hardware(options)
    correct = _correct(state, options)
    prices = load_prices(options.prices, default_catalogue().gpu) if options.prices else None
    if _names_inventory(options):
        options = replace(options, gpus=options.gpu, gpu=None)
    if options.html is not None:
        _write_page(options, options.html, prices, correct)
    if options.share_with is not None:
        _plan_two(options, options.share_with, correct)
    elif options.gpu is not None or options.gpu_memory is not None:
        _plan_one(options, prices, correct)
    elif _names_model_only(options):
        _offer_gpus(options, prices, correct)
    else:
        _rank_all(options, prices, correct)


def _write_page(options: PlanOptions, path: Path, prices: Prices | None, correct: Correct | None) -> None:
    """The page of one plan or of the machines for one model; a ranking of models has none."""
    from signalbox.capacity.answers.page import language_of, page

    if options.gpus is not None or options.cluster or not (options.model or options.config):
        problem = "`--html` shows one model"
        raise InputError(
            "--html", str(path), "add `--model NAME`, without `--gpus` and `--cluster`", problem=problem
        )
    language = language_of(options.language)
    html = page(request_of(options), default_catalogue(), language=language, prices=prices, correct=correct)
    write_output(path, html, "--html", overwrite=options.overwrite)
    Console(stderr=True).print(f"page written to {path}", markup=False, highlight=False, soft_wrap=True)


def _names_model_only(options: PlanOptions) -> bool:
    """A price table is an inventory too: it names GPUs."""
    sources = options.gpus is not None or options.cluster or options.prices is not None
    return not sources and (options.model is not None or options.config is not None)


def _names_inventory(options: PlanOptions) -> bool:
    """`--gpu 2xT4,1xL4` is an inventory."""
    return options.gpu is not None and "," in options.gpu


def _offer_gpus(options: PlanOptions, prices: Prices | None, correct: Correct | None) -> None:
    """A model alone: the machines that hold it."""
    from signalbox.capacity.answers.offers import offers
    from signalbox.capacity.cli.show_offers import show_offers

    if options.write is not None:
        problem = "`--write` requires the GPUs to deploy on"
        raise InputError("--write", str(options.write), "add `--gpu 2xL4`", problem=problem)
    answer = offers(request_of(options), default_catalogue(), prices=prices, correct=correct)
    if options.as_json:
        typer.echo(answer.model_dump_json(indent=2))
    else:
        show_offers(answer, Console(), top=options.top)


def _check_hardware(options: PlanOptions) -> None:
    """Exactly one source of GPUs; prices alone are one too, since they name GPUs."""
    sources = [f"--{name}" for name in ("gpu", "gpus", "cluster") if getattr(options, name)]
    if len(sources) > 1:
        problem = f"{' and '.join(f'`{name}`' for name in sources)} exclude each other"
        raise InputError("--gpu", sources, "use one of `--gpu`, `--gpus` and `--cluster`", problem=problem)
    alone = options.model or options.config or options.gpu_memory is not None or options.prices
    if not sources and not alone:
        problem = "a model or GPUs are required"
        hint = "`--model NAME` lists the GPUs that hold it, `--gpu L4 --model NAME` plans, `--gpus 2xT4,1xL4` ranks models"
        raise InputError("--gpu", None, hint, problem=problem)
    if options.gpu_memory is not None and options.write is not None and options.gpu is None:
        problem = "`--write` requires the name of the GPU, by which pods select their node"
        raise InputError("--gpu", None, "add `--gpu NAME`", problem=problem)
    if options.kube_context is not None and not options.cluster:
        problem = "`--kube-context` requires `--cluster`"
        raise InputError("--kube-context", options.kube_context, "add `--cluster`", problem=problem)


def request_of(options: PlanOptions) -> Request:
    """The planner's part of the options."""
    values = common_fields(options, set(Request.model_fields))
    values |= {
        "gpu": options.gpu or "",
        "engine": options.engine or default_engine(options.model),
        "tensor_parallel": tensor_parallel(options.tensor_parallel),
    }
    return Request(**values)


def _correct(state: HasState, options: PlanOptions) -> Correct | None:
    """Corrections of the cluster in `--corrections`, of the kubeconfig context, or of the only cluster that has some."""
    stored = stored_clusters(state)
    name = options.corrections or (options.kube_context if options.kube_context in stored else None)
    if options.corrections is not None and name not in stored:
        problem = f"no boot is stored for cluster `{name}`"
        names = f"stored clusters: {', '.join(stored)}; " if stored else ""
        hint = f"{names}`signalbox check-boot LOG --store --cluster NAME` stores one"
        raise InputError("--corrections", name, hint, problem=problem)
    if name is None and len(stored) == 1:
        name = stored[0]
    return load_corrections(state, name).of if name else None


def _plan_one(options: PlanOptions, prices: Prices | None, correct: Correct | None) -> None:
    answer = plan(request_of(options), correct=correct, prices=prices)
    if options.as_json:
        typer.echo(answer.model_dump_json(indent=2))
    else:
        console = Console()
        show(answer, console)
        if options.explain:
            explain(answer, console)
    _reject_impossible(answer)
    _write(answer, options)


def _plan_two(options: PlanOptions, other: str, correct: Correct | None) -> None:
    """Two models on one GPU. The second one's values are in a file with its name."""
    from signalbox.capacity.answers.share import share_gpu

    if options.gpu is None or options.model is None or options.html is not None:
        problem = "`--share-with` plans two models on one GPU, on the screen, as JSON or as values"
        raise InputError(
            "--share-with", other, "add `--model NAME --gpu L4`, without `--html`", problem=problem
        )
    answer = share_gpu(request_of(options), other, default_catalogue(), correct=correct)
    if options.as_json:
        typer.echo(answer.model_dump_json(indent=2))
    for place, one in enumerate(answer.plans):
        if not options.as_json:
            typer.echo("\n" * place, nl=False)
            show(one, Console())
        _write(one, options if not place else replace(options, write=_second_file(options.write, one)))


def _second_file(path: Path | None, answer: Plan) -> Path | None:
    """values.yaml → values-llama-3.2-1b.yaml."""
    name = answer.model.rsplit("/", maxsplit=1)[-1].lower()
    return None if path is None else path.with_name(f"{path.stem}-{name}{path.suffix}")


def _reject_impossible(answer: Plan) -> None:
    """A number that no GPU of any size supports is wrong input, not an answer."""
    for row in answer.violations:
        if option := _IMPOSSIBLE.get(row.rule):
            flag, attribute = option
            raise InputError(flag, getattr(answer, attribute), f"{row.reason} {row.hint}")


# Rule → option and field of the answer.
_IMPOSSIBLE = {
    "tensor-parallel-split": ("--tp", "tensor_parallel"),
    "quantization-groups": ("--tp", "tensor_parallel"),
    "mig-parallel": ("--tp", "tensor_parallel"),
    "pipeline-layers": ("--pp", "pipeline_parallel"),
    "context-positions": ("--context", "context"),
    "kv-dtype-engine": ("--kv-dtype", "kv_dtype"),
}


def _rank_all(options: PlanOptions, prices: Prices | None, correct: Correct | None) -> None:
    from signalbox.capacity.answers.quality import accuracies
    from signalbox.capacity.answers.rank import rank, sort_of
    from signalbox.capacity.cli.show_ranking import show_ranking

    rows, request = default_catalogue(), request_of(options)
    inventory, left_out = _inventory(options, rows, prices)
    measured = accuracies(options.quality) if options.quality else None
    ranking = rank(
        request,
        inventory,
        rows,
        prices=prices,
        left_out=left_out,
        correct=correct,
        sort=sort_of(options.sort),
        measured=measured,
    )
    if options.as_json:
        typer.echo(ranking.model_dump_json(indent=2))
    else:
        show_ranking(ranking, Console(), top=options.top)
    if options.write is not None:
        if not ranking.options:
            problem = "`--write`: no file written, nothing fits"
            hint = "use more or larger GPUs, or a smaller `--context`"
            raise InputError("--write", str(options.write), hint, problem=problem)
        first = ranking.cheapest or ranking.options[0]
        _write(plan(_request_of(first, request), correct=correct, prices=prices), options)


def _request_of(option: Option, request: Request) -> Request:
    return request.model_copy(
        update={
            "model": request.model or option.model if request.config is None else request.model,
            "gpu": f"{option.gpus}x{option.gpu}",
            "quantization": option.quantization,
            "tensor_parallel": option.tensor_parallel,
        }
    )


def _inventory(
    options: PlanOptions, rows: Catalogue, prices: Prices | None
) -> tuple[Sequence[Pool], list[str]]:
    """The pools to rank on, and a line for each node that the ranking excludes."""
    if options.gpus is not None:
        return parse_gpus(options.gpus, rows.gpu), []
    if options.cluster:
        from signalbox.capacity.hardware.cluster import cluster_gpus, pools

        nodes = cluster_gpus(rows.gpus, options.kube_context)
        return pools(nodes), [_exclusion(row) for row in nodes if row.excluded or not row.free]
    names = [] if prices is None else list(prices.gpu_hour)
    return [Pool(rows.gpu(name), _PRICED_COUNT, _PRICED_COUNT) for name in names], []


def _exclusion(row: NodeGpus) -> str:
    why = row.excluded or f"all {row.total} are in use"
    return f"{row.node}: {row.label or 'GPU'}: {why}"


def _write(answer: Plan, options: PlanOptions) -> None:
    if options.write is None:
        return
    from signalbox.capacity.planner.helm_values import write_values

    write_values(answer, options.write, overwrite=options.overwrite)
    if not options.as_json:
        text = f"values written to {options.write}"
        Console().print(text, markup=False, highlight=False, soft_wrap=True)
