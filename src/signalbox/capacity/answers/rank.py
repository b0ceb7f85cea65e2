"""Ranking: which models fit on an inventory of GPUs, best first, and which option is the cheapest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from pydantic import Field

from signalbox.capacity.answers.quality import Accuracies, generation, quality_key, released
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
from signalbox.errors import InputError

Sort = Literal["quality", "size", "speed", "requests", "price", "newest"]
_TIES = "better quantization, fewer GPUs, more requests"
ORDERS: dict[Sort, str] = {
    "quality": f"fits the requested concurrency, then newer year of release, more parameters, {_TIES}",
    "size": f"fits the requested concurrency, then more parameters, {_TIES}",
    "speed": f"fits the requested concurrency, then more tokens/s, {_TIES}",
    "requests": "fits the requested concurrency, then more requests, newer year of release, more parameters",
    "price": f"fits the requested concurrency, then lower price, newer year of release, more parameters, {_TIES}",
    "newest": f"fits the requested concurrency, then later month of release, more parameters, {_TIES}",
}
_MEASURED = (
    f"fits the requested concurrency, then measured accuracy; models without one by year and size, {_TIES}"
)


def sort_of(text: str) -> Sort:
    """The order of that name. Raises InputError for another one."""
    for name in ORDERS:
        if name == text.strip().lower():
            return name
    problem = f"unknown order `{text}` (`--sort`)"
    raise InputError("--sort", text, f"use {', '.join(ORDERS)}", problem=problem)


class Option(Contract):
    """One model in one quantization on GPUs of one kind, with the fewest of them that fit."""

    model: str
    released: str | None = Field(default=None, description="Year and month of the model's release.")
    accuracy: float | None = Field(
        default=None, description="Balanced accuracy by the task's own comparison."
    )
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
    order: str = ORDERS["quality"]
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
    sort: Sort = "quality",
    measured: Accuracies | None = None,
) -> Ranking:
    """Every model of the catalogue that generates text (or the one that the request names), in every quantization, on
    every pool.

    `measured`: accuracies of the task's comparison, which come before year and size.
    """
    one_model = request.model is not None or request.config is not None
    names = [request.model] if one_model else [row.name for row in catalogue.models if row.generates]
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
        fitting = [_with_quality(option, measured or {}) for option in fitting]
        options += fitting
        if not fitting:
            nowhere.append(name or str(request.config))
    options.sort(key=_KEYS[sort])
    by_accuracy = sort == "quality" and any(option.accuracy is not None for option in options)
    return Ranking(
        order=_MEASURED if by_accuracy else ORDERS[sort],
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


def _with_quality(option: Option, measured: Accuracies) -> Option:
    accuracy = measured.get(quality_key(option.model))
    return option.model_copy(update={"released": released(option.model), "accuracy": accuracy})


def _order(option: Option) -> tuple[float, ...]:
    """Measured models by accuracy, then the others by year of release and size."""
    return (
        not option.fits_concurrency,
        -(option.accuracy if option.accuracy is not None else -1.0),
        -generation(option.model),
        *_by_size(option),
    )


def _by_size(option: Option) -> tuple[float, ...]:
    return (-option.parameters_billion, option.quality_rank, option.gpus, -option.max_concurrency)


def _speed(option: Option) -> float:
    rate = option.output_tokens_per_second
    return rate.high if rate else 0.0


def _month(option: Option) -> float:
    return float((option.released or "0").replace("-", ""))


_KEYS: dict[Sort, Callable[[Option], tuple[float, ...]]] = {
    "quality": _order,
    "size": lambda option: (not option.fits_concurrency, *_by_size(option)),
    "speed": lambda option: (not option.fits_concurrency, -_speed(option), *_by_size(option)),
    "requests": lambda option: (not option.fits_concurrency, -option.max_concurrency, *_order(option)),
    "price": lambda option: (
        not option.fits_concurrency,
        math.inf if option.price_per_hour is None else option.price_per_hour,
        *_order(option),
    ),
    "newest": lambda option: (not option.fits_concurrency, -_month(option), *_by_size(option)),
}


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
