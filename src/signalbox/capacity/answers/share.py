"""Two models on one GPU: a share of its memory for each server, and a whole plan for both.

vLLM reserves its share when it starts, and starts only if so much is free (v1/worker/utils.py, request_memory). Outside the
shares are a CUDA context for each process and, in some versions, the graphs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from signalbox.capacity.budget import Budget
from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import best
from signalbox.capacity.planner.evaluate import Correct, Evaluation, evaluator
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request, resolve
from signalbox.capacity.planner.result import Plan, Remark
from signalbox.contracts.record import Contract
from signalbox.errors import InputError

_OWN_TERMS = ("weights", "non_torch", "activation", "graphs")
_STEP = 0.01  # shares are written with two decimals


class SharedGpu(Contract):
    """The plans of two servers on one GPU, in the order of the request."""

    plans: tuple[Plan, ...] = Field(
        description="Each with its share of the memory, its command and its cache."
    )


def share_gpu(
    request: Request, other: str, catalogue: Catalogue, *, correct: Correct | None = None
) -> SharedGpu:
    """The plans of `request` and of the model `other`, with default limits, on the same GPU.

    What remains after weights, activation and one request of each is split equally between the caches. Raises
    InputError for several GPUs, other engines than vLLM, and a share that the request states.
    """
    _check(request)
    requests = [request, Request(model=other, gpu=request.gpu, engine_version=request.engine_version)]
    shares = _shares(requests, catalogue, correct)
    names = (other, request.model or "the first model")
    answers = (
        plan(one.model_copy(update={"memory_utilization": share}), catalogue, correct=correct)
        for one, share in zip(requests, shares, strict=True)
    )
    return SharedGpu(
        plans=tuple(_with_neighbor(answer, name) for answer, name in zip(answers, names, strict=True))
    )


def _check(request: Request) -> None:
    if request.engine != "vllm":
        problem = f"`--share-with` is planned for vLLM only, not for `{request.engine}`"
        raise InputError("--share-with", request.engine, "use `--engine vllm`", problem=problem)
    if request.memory_utilization is not None:
        problem = "`--share-with` computes the share that `--gpu-memory-utilization` states"
        raise InputError("--share-with", request.memory_utilization, "remove one of both", problem=problem)


def _shares(requests: Sequence[Request], catalogue: Catalogue, correct: Correct | None) -> list[float]:
    """Shares of the memory: the smaller model is placed first, in at most half, the larger one in what it leaves."""
    questions = [resolve(one, catalogue) for one in requests]
    if any(question.count > 1 for question in questions):
        hint = "name one GPU, for example `--gpu L4`"
        problem = "`--share-with` puts two models on one GPU, and more are named"
        raise InputError("--share-with", requests[0].gpu, hint, problem=problem)
    total = questions[0].gpu.total_bytes
    context = load_constants().context_bytes(shared=False)
    room = total - 2 * max(context, load_constants().least_outside_bytes // 2)
    order = sorted((0, 1), key=lambda i: questions[i].model.parameters.total)
    chosen: dict[int, Evaluation] = {}
    for i, most in zip(order, (room / 2, 0.0), strict=True):
        taken = sum(_least(evaluation) for evaluation in chosen.values())
        share = _rounded((most or room - taken) / total)
        evaluate = evaluator(correct, allow_unproven=requests[i].allow_unproven)
        specs = (replace(spec, memory_utilization=share) for spec in questions[i].specs())
        chosen[i] = best(specs, evaluate, questions[i].obtainable)
    spare = max(0.0, room - sum(_least(evaluation) for evaluation in chosen.values()))
    caches = sum(1 for evaluation in chosen.values() if evaluation.spec.model.kv_groups)
    return [_rounded(_share_bytes(chosen[i], spare / max(1, caches)) / total) for i in (0, 1)]


def _share_bytes(evaluation: Evaluation, spare: float) -> float:
    """The share of one server: without the graphs where they are outside, with its part of the spare memory."""
    extra = spare if evaluation.spec.model.kv_groups else 0.0
    return _least(evaluation) - _outside(evaluation) + extra


def _rounded(share: float) -> float:
    return max(_STEP, math.floor(share / _STEP) * _STEP) if share < 1 else 1.0


def _least(evaluation: Evaluation) -> float:
    """Bytes that a server needs: its own memory, and the cache of one request of full context."""
    memory = evaluation.budget
    return _own(memory) + memory.kv_bytes_per_token * evaluation.spec.context


def _own(memory: Budget) -> int:
    return sum(term.bytes for term in memory.terms if term.name in _OWN_TERMS)


def _outside(evaluation: Evaluation) -> int:
    """Graphs that are captured outside the share; an encoder's are counted inside."""
    memory = evaluation.budget
    if not evaluation.spec.model.kv_groups:
        return 0
    return max(0, _own(memory) - (memory.usable_bytes - memory.kv_bytes))


def _with_neighbor(answer: Plan, name: str) -> Plan:
    """The plan with the other model's name; its speed is unknown, because the other one computes too."""
    remark = Remark(
        rule="shared-gpu",
        reason=f"{name} computes on the same GPU: the speed of both is not known, and neither is isolated",
        hint="use time-slicing in the device plugin, and start one server after the other",
    )
    changes = {
        "shares_gpu_with": name,
        "speed": None,
        "costs": None,
        "alternatives": (),
        "warnings": (*answer.warnings, remark),
    }
    return answer.model_copy(update=changes)
