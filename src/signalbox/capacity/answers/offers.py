"""Which GPUs hold a model, from the smallest: the answer to a question that names no GPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import Field

from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.checkpoints import checkpoint
from signalbox.capacity.planner.choose import ranks
from signalbox.capacity.planner.evaluate import Correct, Evaluate, Evaluation, evaluator, largest_context
from signalbox.capacity.planner.outlook import throughput_of
from signalbox.capacity.planner.plan import workload_of
from signalbox.capacity.planner.request import Question, Request, resolve
from signalbox.capacity.spec import Gpu
from signalbox.capacity.speed.energy import Prices, load_prices, wh_per_1k_tokens
from signalbox.capacity.speed.throughput import Interval
from signalbox.contracts.record import Contract

MOST_GPUS = 8  # of one machine
_WITHOUT_CACHE = "an encoder has no KV cache: memory does not limit its requests, and no formula for its speed has a source"


class Offer(Contract):
    """The fewest GPUs of one kind that hold the model, in the best quantization that fits them."""

    gpu: str
    gpus: int
    memory_gib: float = Field(description="Memory of all of these GPUs together.")
    quantization: str
    dtype: str
    context: int = Field(description="Tokens per request that the other figures are for.")
    largest_context: int = Field(description="The largest context of a single request, to the token.")
    max_concurrency: float = Field(description="Concurrent requests of the context that fit.")
    requests: int | None = Field(description="Concurrent requests that speed and energy are for.")
    output_tokens_per_second: Interval | None
    wh_per_1k_tokens: Interval | None
    price_per_hour: float | None
    unproven: bool = Field(description="Whether --allow-unproven overruled a rule.")
    checkpoint: str = Field(
        description="Files that it is started with; empty if none in this quantization are known."
    )


class Offers(Contract):
    """All kinds of GPUs that hold a model, by the memory of the machine."""

    model: str
    parameters_billion: float
    kv_cache: bool = Field(
        description="Whether the model has one; without one, `max_concurrency` counts the texts of a step."
    )
    engine: str
    engine_version: str
    offers: tuple[Offer, ...]
    too_small: tuple[str, ...] = Field(
        description="GPUs of which eight do not hold it, or that cannot run it."
    )
    currency: str
    prices: str = Field(description="Where the prices come from.")
    notes: tuple[str, ...]


def offers(
    request: Request,
    catalogue: Catalogue,
    *,
    prices: Prices | None = None,
    correct: Correct | None = None,
) -> Offers:
    """Raises InputError for an unknown model and for numbers out of range."""
    evaluate = evaluator(correct, allow_unproven=request.allow_unproven)
    return offer_evaluations(request, catalogue, prices or load_prices(), evaluate)[2]


def offer_evaluations(
    request: Request, catalogue: Catalogue, prices: Prices, evaluate: Evaluate
) -> tuple[Question, list[Evaluation], Offers]:
    """The question, what was chosen for each kind of GPU, and the offers, in the same order."""
    whole = [gpu for gpu in catalogue.gpus if gpu.slice_of is None and gpu.tabled]
    question = resolve(request.model_copy(update={"gpu": whole[0].name}), catalogue)
    fitting: list[Evaluation] = []
    small: list[str] = []
    for gpu in whole:
        evaluation = _fewest(question, gpu, evaluate)
        if evaluation is None:
            small.append(gpu.name)
        else:
            fitting.append(evaluation)
    fitting.sort(key=lambda row: (row.spec.gpu.total_gib * row.gpus, row.gpus))
    listing = Offers(
        model=question.model.name,
        parameters_billion=round(question.model.parameters.total / 1e9, 2),
        kv_cache=bool(question.model.kv_groups),
        engine=question.engine.name,
        engine_version=question.engine.version,
        offers=tuple(_offer(row, question, prices) for row in fitting),
        too_small=tuple(small),
        currency=prices.currency,
        prices=prices.source,
        notes=tuple(_notes(question)),
    )
    return question, fitting, listing


def _notes(question: Question) -> Iterator[str]:
    if not question.model.kv_groups:
        yield _WITHOUT_CACHE
    yield from question.model.assumptions


def _fewest(question: Question, gpu: Gpu, evaluate: Evaluate) -> Evaluation | None:
    """The first that fits: fewer GPUs before better quantization, as the smallest machine is asked for."""
    own = replace(question, gpu=gpu, count=MOST_GPUS)
    for size in _sizes(question, gpu):
        for quantization in question.quantizations:
            evaluation = evaluate(own.spec(quantization, size))
            if evaluation.fits:
                return evaluation
    return None


def _sizes(question: Question, gpu: Gpu) -> Iterator[int]:
    parallel = question.request.tensor_parallel
    yield from ranks(gpu, MOST_GPUS) if parallel is None else (parallel,)


def _offer(evaluation: Evaluation, question: Question, prices: Prices) -> Offer:
    spec, memory = evaluation.spec, evaluation.budget
    speed = throughput_of(evaluation, workload_of(question))
    price = prices.gpu_hour.get(spec.gpu.name)
    return Offer(
        gpu=spec.gpu.name,
        gpus=evaluation.gpus,
        memory_gib=round(spec.gpu.total_gib * evaluation.gpus, 2),
        quantization=spec.quantization.name,
        dtype=spec.dtype,
        context=spec.context,
        largest_context=largest_context(spec),
        max_concurrency=round(memory.max_concurrency, 2),
        requests=speed.requests if speed else None,
        output_tokens_per_second=speed.output_tokens_per_second if speed else None,
        wh_per_1k_tokens=wh_per_1k_tokens(spec, speed, prices) if speed else None,
        price_per_hour=None if price is None else round(price * evaluation.gpus, 2),
        unproven=bool(evaluation.overruled),
        checkpoint=checkpoint(question.request.model, spec).name,
    )
