"""The planner: one request, one answer. `plan(Request(model="llama-3.1-8b", gpu="l4"))`."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from signalbox.capacity.budget import Budget, TermName
from signalbox.capacity.memory import budget
from signalbox.capacity.models import catalogue as catalogue_module
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.alternatives import alternatives
from signalbox.capacity.planner.checkpoints import checkpoint
from signalbox.capacity.planner.choose import best
from signalbox.capacity.planner.evaluate import (
    Correct,
    Evaluate,
    Evaluation,
    evaluate_spec,
    evaluator,
    largest_context,
)
from signalbox.capacity.planner.nodes import node_count, note
from signalbox.capacity.planner.outlook import costs_of, speed_of, start_fields, throughput_of
from signalbox.capacity.planner.request import AUTO, Question, Request, resolve
from signalbox.capacity.planner.result import Combination, Outcome, Part, Plan, Remark, Workload
from signalbox.capacity.planner.warnings import notes, warnings
from signalbox.capacity.serving import Serving
from signalbox.capacity.spec import Spec
from signalbox.capacity.speed.energy import Prices
from signalbox.capacity.units import GIB

_CONTEXTS = (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
_REQUESTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_INPUT_TOKENS, _OUTPUT_TOKENS = 512, 128


@lru_cache(maxsize=1)
def default_catalogue() -> Catalogue:
    """The package's catalogue, read once: rows never change."""
    return catalogue_module.load()


def plan(
    request: Request,
    catalogue: Catalogue | None = None,
    *,
    correct: Correct | None = None,
    prices: Prices | None = None,
) -> Plan:
    """Answer a request. `correct` gives the correction of a spec: `Corrections.of` of a cluster's boots.

    Raises InputError for unknown names and for numbers out of range.
    """
    rows = catalogue or default_catalogue()
    question = resolve(request, rows)
    evaluate = evaluator(correct, allow_unproven=request.allow_unproven)
    return answer(question, best(question.specs(), evaluate, question.obtainable), rows, evaluate, prices)


def answer(
    question: Question,
    evaluation: Evaluation,
    catalogue: Catalogue,
    evaluate: Evaluate = evaluate_spec,
    prices: Prices | None = None,
) -> Plan:
    """The answer for the spec that was chosen."""
    spec = evaluation.spec
    workload = workload_of(question)
    throughput = throughput_of(evaluation, workload)
    return Plan(
        **_spec_fields(spec, question.count - evaluation.gpus),
        **_memory_fields(evaluation.budget),
        nodes=node_count(spec.tensor_parallel, spec.pipeline_parallel, question.request.gpus_per_node),
        verdict=_outcome(evaluation),
        fits=evaluation.fits,
        reason=_reason(evaluation),
        alternatives=()
        if evaluation.fits
        else alternatives(evaluation, evaluate, catalogue, question.obtainable),
        combinations=() if evaluation.violations else combinations(spec),
        largest_context=0 if evaluation.violations else largest_context(spec),
        workload=workload,
        speed=speed_of(throughput),
        costs=costs_of(evaluation, throughput, prices),
        **start_fields(evaluation, question.request.model),
        violations=_remarks(evaluation, "unsupported"),
        overruled=evaluation.overruled,
        warnings=(
            *_remarks(evaluation, "warning"),
            *_without_checkpoint(evaluation, question.request.model),
            *warnings(evaluation),
        ),
        notes=(*_choices(question, evaluation), *notes(evaluation)),
    )


def combinations(spec: Spec) -> tuple[Combination, ...]:
    """Which contexts fit with which concurrency, each cell with the engine's limits set to them."""
    if not spec.model.kv_groups:
        return ()  # without a cache the number of requests does not depend on memory
    limit = spec.model.max_positions
    contexts = sorted({c for c in (*_CONTEXTS, limit) if c <= limit} | {min(spec.context, limit)})
    cells = []
    for context in contexts:
        for requests in _REQUESTS:
            memory = budget(replace(spec, context=context, concurrency=requests))
            fits = memory.fits and memory.max_concurrency >= requests
            cells.append(Combination(context=context, concurrency=requests, fits=fits))
    return tuple(cells)


def _spec_fields(spec: Spec, left: int) -> dict[str, Any]:
    share = spec.memory_utilization
    return {
        "model": spec.model.name,
        "gpu": spec.gpu.name,
        "gpus": spec.gpus,
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
        "images": spec.images,
        "image_pixels": spec.image_pixels,
        **_kind_fields(spec.serving),
    }


def _kind_fields(serving: Serving) -> dict[str, Any]:
    lora = serving.lora
    return {
        "lora_adapters": lora.adapters if lora else 0,
        "lora_rank": lora.rank if lora else 0,
        "pooling": serving.pooling,
        "cpu_offload_gib": serving.offload_gib,
        "data_parallel": serving.data_parallel,
        "expert_parallel": serving.expert_parallel,
    }


def _memory_fields(memory: Budget) -> dict[str, Any]:
    def gib(name: TermName) -> float:
        term = memory.term(name)
        return _gib(term.bytes) if term else 0.0

    return {
        "total_gib": _gib(memory.total_bytes),
        "usable_gib": _gib(memory.usable_bytes),
        "host_gib": _gib(memory.host_bytes),
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


def _outcome(evaluation: Evaluation) -> Outcome:
    if evaluation.violations:
        return "unsupported"
    return "fits" if evaluation.fits else "does not fit"


def _reason(evaluation: Evaluation) -> str:
    if evaluation.violations:
        return " ".join(row.reason for row in evaluation.violations)
    return evaluation.budget.reason


def _remarks(evaluation: Evaluation, level: Literal["unsupported", "warning"]) -> tuple[Remark, ...]:
    return tuple(
        Remark(rule=row.rule, reason=row.reason, hint=row.hint)
        for row in evaluation.findings
        if row.level == level
    )


def _without_checkpoint(evaluation: Evaluation, typed: str | None) -> tuple[Remark, ...]:
    """Why the answer has no command: no files are known in this quantization."""
    files = checkpoint(typed, evaluation.spec)
    if files.known or not evaluation.fits:
        return ()
    return (Remark(rule="no-checkpoint", reason="no command is printed", hint=files.advice),)


def workload_of(question: Question) -> Workload:
    """The lengths of a typical request: the task's, else a default."""
    lengths = question.lengths
    if lengths is None:
        return Workload(
            input_tokens=_INPUT_TOKENS, output_tokens=_OUTPUT_TOKENS, source="default, --task measures yours"
        )
    return Workload(
        input_tokens=lengths.input_tokens, output_tokens=lengths.output_tokens, source=lengths.source
    )


def _choices(question: Question, evaluation: Evaluation) -> tuple[str, ...]:
    """What the planner chose for values that the request leaves open."""
    request, spec = question.request, evaluation.spec
    choices = list(question.notes)
    if request.quantization == AUTO:
        usual = spec.serving.gpu_layers is not None and spec.model.checkpoint_quantization is None
        own = len(question.quantizations) == 1
        why = (
            "llama.cpp's default"
            if usual
            else "the checkpoint's"
            if own
            else "the best that fits"
            if evaluation.fits
            else "none fits"
        )
        choices.append(f"quantization auto: {spec.quantization.name}, {why}")
    if request.dtype == AUTO:
        choices.append(f"dtype auto: {spec.dtype}")
    if request.tensor_parallel is None and question.count > request.pipeline_parallel:
        choices.append(f"tp auto: {spec.tensor_parallel} of {question.count} GPUs")
    across = note(spec.engine.name, spec.tensor_parallel, spec.pipeline_parallel, request.gpus_per_node)
    choices += [across] if across else []
    if request.context is None:
        source = question.lengths.source if question.lengths else "default"
        choices.append(f"context: {spec.context} tokens, {source}")
    if request.concurrency is None and spec.concurrency is not None:
        choices.append(
            f"concurrency: {spec.concurrency}, because each sequence holds one state block and the default has more"
        )
    if spec.correction is not None:
        choices.append(f"corrected by a boot on cluster {spec.correction.cluster}")
    return tuple(choices)
