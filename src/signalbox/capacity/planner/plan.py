"""The planner: one question, one answer. `plan(Request(model="llama-3.1-8b", gpu="l4"))`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from signalbox.capacity.budget import Budget, TermName
from signalbox.capacity.memory import budget
from signalbox.capacity.models import catalogue as catalogue_module
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.alternatives import alternatives
from signalbox.capacity.planner.choose import Judge, Judged, best
from signalbox.capacity.planner.outlook import costs_of, speed_of, start_of, throughput_of
from signalbox.capacity.planner.request import AUTO, Question, Request, resolve
from signalbox.capacity.planner.result import Combination, Outcome, Part, Plan, Remark, Workload
from signalbox.capacity.planner.warnings import remarks
from signalbox.capacity.spec import Correction, Spec
from signalbox.capacity.speed.energy import Prices
from signalbox.capacity.support.check import check
from signalbox.capacity.units import GIB

_CONTEXTS = (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
_REQUESTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_INPUT_TOKENS, _OUTPUT_TOKENS = 512, 128
Correct = Callable[[Spec], Correction | None]


@lru_cache(maxsize=1)
def default_catalogue() -> Catalogue:
    """The package's catalogue, read once: rows never change."""
    return catalogue_module.load()


def judge(spec: Spec) -> Judged:
    """What memory and the support rules say of a set-up."""
    return Judged(spec, budget(spec), tuple(check(spec)))


def judge_with(correct: Correct | None) -> Judge:
    """The judge that applies what boots of a cluster taught."""
    if correct is None:
        return judge
    return lambda spec: judge(replace(spec, correction=correct(spec)))


def plan(
    request: Request,
    catalogue: Catalogue | None = None,
    *,
    correct: Correct | None = None,
    prices: Prices | None = None,
) -> Plan:
    """Answer a request. `correct` gives the correction of a set-up, `Corrections.of` of a cluster's boots.

    Raises InputError for what cannot be a question: unknown names, numbers out of range.
    """
    rows = catalogue or default_catalogue()
    question = resolve(request, rows)
    decide = judge_with(correct)
    return answer(question, best(question.specs(), decide), rows, decide, prices)


def answer(
    question: Question,
    judged: Judged,
    catalogue: Catalogue,
    decide: Judge = judge,
    prices: Prices | None = None,
) -> Plan:
    """The answer for the set-up that was chosen."""
    spec = judged.spec
    workload = workload_of(question)
    speed = throughput_of(judged, workload)
    return Plan(
        **_setup_fields(spec, question.count - judged.gpus),
        **_memory_fields(judged.budget),
        verdict=_verdict(judged),
        fits=judged.fits,
        reason=_reason(judged),
        alternatives=() if judged.fits else alternatives(judged, decide, catalogue),
        combinations=() if judged.refusals else combinations(spec),
        workload=workload,
        speed=speed_of(speed),
        costs=costs_of(judged, speed, prices),
        **start_of(judged),
        refusals=_remarks(judged, "unsupported"),
        warnings=(*_remarks(judged, "warning"), *remarks(judged)),
        notes=_notes(question, judged),
    )


def combinations(spec: Spec) -> tuple[Combination, ...]:
    """Which contexts and numbers of requests are held, each with the engine's limits set to them."""
    limit = spec.model.max_positions
    contexts = sorted({c for c in (*_CONTEXTS, limit) if c <= limit} | {min(spec.context, limit)})
    cells = []
    for context in contexts:
        for requests in _REQUESTS:
            held = budget(replace(spec, context=context, concurrency=requests))
            fits = held.fits and held.max_concurrency >= requests
            cells.append(Combination(context=context, concurrency=requests, fits=fits))
    return tuple(cells)


def _setup_fields(spec: Spec, left: int) -> dict[str, Any]:
    share = spec.memory_utilization
    return {
        "model": spec.model.name,
        "gpu": spec.gpu.name,
        "gpus": spec.tensor_parallel * spec.pipeline_parallel,
        "gpus_left": max(0, left),
        "engine": spec.engine.name,
        "engine_version": spec.engine.version,
        "regime": spec.engine.regime,
        "quantization": spec.quantization.name,
        "dtype": spec.dtype,
        "kv_dtype": spec.kv_dtype,
        "context": spec.context,
        "concurrency": spec.concurrency,
        "batched_tokens": spec.batched_tokens,
        "tensor_parallel": spec.tensor_parallel,
        "pipeline_parallel": spec.pipeline_parallel,
        "memory_utilization": spec.engine.memory_utilization if share is None else share,
        "eager": spec.eager,
    }


def _memory_fields(memory: Budget) -> dict[str, Any]:
    def gib(name: TermName) -> float:
        term = memory.term(name)
        return _gib(term.bytes) if term else 0.0

    return {
        "total_gib": _gib(memory.total_bytes),
        "usable_gib": _gib(memory.usable_bytes),
        "weights_gib": gib("weights"),
        "activation_gib": gib("activation"),
        "graphs_gib": gib("graphs"),
        "non_torch_gib": gib("non_torch"),
        "reserve_gib": gib("reserve"),
        "kv_gib": _gib(memory.kv_bytes),
        "kv_bytes_per_token": memory.kv_bytes_per_token,
        "kv_tokens": memory.kv_tokens,
        "max_concurrency": round(memory.max_concurrency, 4),
        "parts": tuple(
            Part(name=term.name, gib=_gib(term.bytes), formula=term.formula, source=term.source)
            for term in memory.terms
        ),
    }


def _gib(count: int) -> float:
    return round(count / GIB, 4)


def _verdict(judged: Judged) -> Outcome:
    if judged.refusals:
        return "refused"
    return "fits" if judged.fits else "does not fit"


def _reason(judged: Judged) -> str:
    if judged.refusals:
        return " ".join(row.reason for row in judged.refusals)
    return judged.budget.reason


def _remarks(judged: Judged, level: Literal["unsupported", "warning"]) -> tuple[Remark, ...]:
    return tuple(
        Remark(rule=row.rule, reason=row.reason, hint=row.hint)
        for row in judged.findings
        if row.level == level
    )


def workload_of(question: Question) -> Workload:
    """What a typical request looks like: the task's, else a default."""
    lengths = question.lengths
    if lengths is None:
        return Workload(
            input_tokens=_INPUT_TOKENS, output_tokens=_OUTPUT_TOKENS, source="default, --task measures yours"
        )
    return Workload(
        input_tokens=lengths.input_tokens, output_tokens=lengths.output_tokens, source=lengths.source
    )


def _notes(question: Question, judged: Judged) -> tuple[str, ...]:
    request, spec = question.request, judged.spec
    notes = []
    if request.quantization == AUTO:
        chosen = spec.quantization.name
        own = len(question.quantizations) == 1
        why = "what the checkpoint has" if own else "the best that fits" if judged.fits else "nothing fits"
        notes.append(f"quantization auto: {chosen}, {why}")
    if request.dtype == AUTO:
        notes.append(f"dtype auto: {spec.dtype}")
    if request.tensor_parallel is None and question.count > request.pipeline_parallel:
        notes.append(f"tp auto: {spec.tensor_parallel} of {question.count} GPUs")
    if request.context is None:
        longest = question.lengths.source if question.lengths else "default"
        notes.append(f"context: {spec.context} tokens, {longest}")
    if spec.correction is not None:
        notes.append(f"corrected by a boot on cluster {spec.correction.cluster}")
    return tuple(notes)
