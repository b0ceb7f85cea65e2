"""Ranking: which models fit on an inventory of GPUs, best first, and which option is the cheapest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pydantic import Field

from signalbox.capacity.hardware.inventory import Pool
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import best, bits, ranks
from signalbox.capacity.planner.evaluate import Correct, Evaluate, Evaluation, evaluator
from signalbox.capacity.planner.outlook import throughput_of
from signalbox.capacity.planner.plan import workload_of
from signalbox.capacity.planner.request import Question, Request, resolve
from signalbox.capacity.speed.energy import Prices
from signalbox.capacity.speed.throughput import Interval
from signalbox.contracts.record import Contract

ORDER = "fits the requested concurrency, then more parameters, better quantization, fewer GPUs, more requests"


class Option(Contract):
    """One model in one quantization on GPUs of one kind, with the fewest of them that fit."""

    model: str
    parameters_billion: float
    quantization: str
    bits_per_weight: float
    quality_rank: int = Field(description="Rank among the model's quantizations; 0 is the best.")
    dtype: str
    gpu: str
    gpus: int
    tensor_parallel: int
    context: int
    kv_tokens: int
    max_concurrency: float = Field(description="Concurrent requests of the full context that fit.")
    fits_concurrency: bool = Field(description="Whether the requested concurrency fits.")
    overruled: tuple[str, ...] = Field(
        description="Ids of support rules without proof that --allow-unproven overruled."
    )
    output_tokens_per_second: Interval | None
    price_per_hour: float | None


class Ranking(Contract):
    """All options over an inventory."""

    inventory: tuple[str, ...]
    order: str = ORDER
    options: tuple[Option, ...]
    cheapest: Option | None = Field(description="The lowest price per hour; None without prices.")
    currency: str | None = None
    fits_nowhere: tuple[str, ...] = Field(description="Models that do not fit in any quantization.")
    left_out: tuple[str, ...] = Field(
        default=(), description="GPUs of the cluster that the ranking excludes, and why."
    )


def rank(
    request: Request,
    pools: Sequence[Pool],
    catalogue: Catalogue,
    *,
    prices: Prices | None = None,
    left_out: Iterable[str] = (),
    correct: Correct | None = None,
) -> Ranking:
    """Every model of the catalogue (or the one that the request names), in every quantization, on every pool."""
    one_model = request.model is not None or request.config is not None
    names = [request.model] if one_model else [row.name for row in catalogue.models]
    evaluate = evaluator(correct, allow_unproven=request.allow_unproven)
    hourly = prices.gpu_hour if prices else {}
    options: list[Option] = []
    nowhere: list[str] = []
    for name in names:
        of_model = request.model_copy(update={"model": name})
        fitting = [
            option
            for pool in pools
            for option in _options(of_model, pool, catalogue, hourly.get(pool.gpu.name), evaluate)
        ]
        options += fitting
        if not fitting:
            nowhere.append(name or str(request.config))
    options.sort(key=_order)
    return Ranking(
        inventory=tuple(pool.name for pool in pools),
        options=tuple(options),
        cheapest=_cheapest(options),
        currency=prices.currency if prices else None,
        fits_nowhere=tuple(nowhere),
        left_out=tuple(left_out),
    )


def _cheapest(options: Iterable[Option]) -> Option | None:
    priced = (option for option in options if option.price_per_hour is not None and option.fits_concurrency)
    return min(priced, key=lambda option: (option.price_per_hour, _order(option)), default=None)


def _order(option: Option) -> tuple[bool, float, int, int, float]:
    return (
        not option.fits_concurrency,
        -option.parameters_billion,
        option.quality_rank,
        option.gpus,
        -option.max_concurrency,
    )


def _options(
    request: Request, pool: Pool, catalogue: Catalogue, price: float | None, evaluate: Evaluate
) -> Iterator[Option]:
    stages, size = request.pipeline_parallel, request.tensor_parallel
    sizes = ranks(pool.gpu, pool.in_one_node) if size is None else (size,)
    sizes = tuple(n for n in sizes if n <= pool.in_one_node and n * stages <= pool.count)
    if not sizes:
        return
    question = resolve(request.model_copy(update={"gpu": pool.name}), catalogue)
    for place, quantization in enumerate(question.quantizations):
        evaluation = best((question.spec(quantization, n) for n in sizes), evaluate)
        if evaluation.fits:
            yield _option(evaluation, question, place, price)


def _option(evaluation: Evaluation, question: Question, place: int, price: float | None) -> Option:
    spec, memory = evaluation.spec, evaluation.budget
    speed = throughput_of(evaluation, workload_of(question))
    return Option(
        model=spec.model.name,
        parameters_billion=round(spec.model.parameters.total / 1e9, 2),
        quantization=spec.quantization.name,
        bits_per_weight=round(bits(spec.model, spec.quantization), 2),
        quality_rank=place,
        dtype=spec.dtype,
        gpu=spec.gpu.name,
        gpus=evaluation.gpus,
        tensor_parallel=spec.tensor_parallel,
        context=spec.context,
        kv_tokens=memory.kv_tokens,
        max_concurrency=round(memory.max_concurrency, 2),
        fits_concurrency=memory.max_concurrency >= (spec.concurrency or 1),
        overruled=evaluation.overruled,
        output_tokens_per_second=speed.output_tokens_per_second if speed else None,
        price_per_hour=None if price is None else round(price * evaluation.gpus, 4),
    )
