"""Which models fit on the GPUs that one owns, best first, and which set-up is the cheapest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pydantic import Field

from signalbox.capacity.hardware.inventory import Pool
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import Judge, Judged, best, bits, ranks
from signalbox.capacity.planner.outlook import speed_of, throughput_of
from signalbox.capacity.planner.plan import Correct, judge_with, workload_of
from signalbox.capacity.planner.request import Question, Request, resolve
from signalbox.capacity.planner.result import Range
from signalbox.capacity.speed.energy import Prices
from signalbox.contracts.record import Contract

ORDER = "holds the requests asked for, then more parameters, better quantization, fewer GPUs, more requests"


class Option(Contract):
    """One model in one quantization on GPUs of one kind, with the fewest of them that fit."""

    model: str
    parameters_billion: float
    quantization: str
    bits_per_weight: float
    quality_rank: int = Field(description="Place among the model's quantizations, 0 is the best.")
    dtype: str
    gpu: str
    gpus: int
    tensor_parallel: int
    context: int
    kv_tokens: int
    max_concurrency: float = Field(description="Requests of the full context at once.")
    holds_concurrency: bool = Field(description="Whether as many requests as asked for are held.")
    output_tokens_per_second: Range | None
    price_per_hour: float | None


class Ranking(Contract):
    """All options over an inventory."""

    inventory: tuple[str, ...]
    order: str = ORDER
    options: tuple[Option, ...]
    cheapest: Option | None = Field(description="The lowest price an hour; None without prices.")
    currency: str | None = None
    fits_nowhere: tuple[str, ...] = Field(description="Models of which no quantization fits.")
    left_out: tuple[str, ...] = Field(
        default=(), description="GPUs of the cluster that are not offered, and why."
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
    named = request.model is not None or request.config is not None
    names = [request.model] if named else [row.name for row in catalogue.models]
    known, decide = prices.gpu_hour if prices else {}, judge_with(correct)
    options: list[Option] = []
    nowhere: list[str] = []
    for name in names:
        found = [
            option
            for pool in pools
            for option in _options(
                request.model_copy(update={"model": name}), pool, catalogue, known.get(pool.gpu.name), decide
            )
        ]
        options += found
        if not found:
            nowhere.append(name or str(request.config))
    options.sort(key=_order)
    priced = [option for option in options if option.price_per_hour is not None and option.holds_concurrency]
    return Ranking(
        inventory=tuple(pool.name for pool in pools),
        options=tuple(options),
        cheapest=min(priced, key=lambda option: (option.price_per_hour, _order(option)), default=None),
        currency=prices.currency if prices else None,
        fits_nowhere=tuple(nowhere),
        left_out=tuple(left_out),
    )


def _order(option: Option) -> tuple[bool, float, int, int, float]:
    return (
        not option.holds_concurrency,
        -option.parameters_billion,
        option.quality_rank,
        option.gpus,
        -option.max_concurrency,
    )


def _options(
    request: Request, pool: Pool, catalogue: Catalogue, price: float | None, decide: Judge
) -> Iterator[Option]:
    stages, asked = request.pipeline_parallel, request.tensor_parallel
    sizes = ranks(pool.gpu, pool.in_one_node) if asked is None else (asked,)
    sizes = tuple(n for n in sizes if n <= pool.in_one_node and n * stages <= pool.count)
    if not sizes:
        return
    question = resolve(request.model_copy(update={"gpu": pool.name}), catalogue)
    for place, quantization in enumerate(question.quantizations):
        judged = best((question.spec(quantization, n) for n in sizes), decide)
        if judged.fits:
            yield _option(judged, question, place, price)


def _option(judged: Judged, question: Question, place: int, price: float | None) -> Option:
    spec, memory = judged.spec, judged.budget
    speed = speed_of(throughput_of(judged, workload_of(question)))
    return Option(
        model=spec.model.name,
        parameters_billion=round(spec.model.parameters.total / 1e9, 2),
        quantization=spec.quantization.name,
        bits_per_weight=round(bits(spec.model, spec.quantization), 2),
        quality_rank=place,
        dtype=spec.dtype,
        gpu=spec.gpu.name,
        gpus=judged.gpus,
        tensor_parallel=spec.tensor_parallel,
        context=spec.context,
        kv_tokens=memory.kv_tokens,
        max_concurrency=round(memory.max_concurrency, 2),
        holds_concurrency=memory.max_concurrency >= (spec.concurrency or 1),
        output_tokens_per_second=speed.output_tokens_per_second if speed else None,
        price_per_hour=None if price is None else round(price * judged.gpus, 4),
    )
