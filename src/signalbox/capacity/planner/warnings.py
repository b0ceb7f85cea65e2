"""Warnings and notes about a configuration beyond the support rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from signalbox.capacity.memory import budget
from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.planner.evaluate import Evaluation
from signalbox.capacity.planner.result import Remark
from signalbox.capacity.spec import Spec
from signalbox.capacity.units import GIB, parse_version

_LEAST_GAIN = GIB // 20  # a warm compile cache that gains less than this is not worth a line


def warnings(evaluation: Evaluation) -> Iterator[Remark]:
    """Warnings, in the order of the table below."""
    for rule in _WARNINGS:
        if (remark := rule(evaluation)) is not None:
            yield remark


def notes(evaluation: Evaluation) -> Iterator[str]:
    """What the plan includes or assumes, a sentence each."""
    for rule in _NOTES:
        if (note := rule(evaluation)) is not None:
            yield note
    yield from evaluation.spec.model.assumptions


def _waiting(evaluation: Evaluation) -> Remark | None:
    spec, capacity = evaluation.spec, evaluation.budget.max_concurrency
    if not evaluation.fits or spec.concurrency is None or capacity >= spec.concurrency:
        return None
    fitting = int(capacity)
    if not spec.model.kv_groups:
        return Remark(
            rule="requests-wait",
            reason=f"one step reads {fitting} full-length text{'' if fitting == 1 else 's'}, not {spec.concurrency}; "
            "the others queue",
            hint="lower --context, or raise --batched-tokens",
        )
    return Remark(
        rule="requests-wait",
        reason=f"the KV cache fits {fitting} full-length request{'' if fitting == 1 else 's'} at once, "
        f"not {spec.concurrency}; the others queue",
        hint="lower --context or --concurrency, or add a replica",
    )


def _cast(evaluation: Evaluation) -> Remark | None:
    spec = evaluation.spec
    if (
        spec.engine.name not in ("vllm", "sglang", "tgi", "nim")
        or spec.gpu.has_bfloat16
        or spec.model.dtype != "bfloat16"
    ):
        return None
    if spec.dtype == "bfloat16":
        return None  # a violation of the support rules, which is reported there
    return Remark(
        rule="no-bfloat16",
        reason=f"{spec.gpu.product} has no bfloat16, the model's dtype: it runs in {spec.dtype}, "
        "which has a smaller range",
        hint="check the quality on your task",
    )


def _without_experts(spec: Spec) -> bool:
    return spec.quantization.name == "mxfp4" and spec.model.moe is None


def _no_experts(evaluation: Evaluation) -> Remark | None:
    spec = evaluation.spec
    if not _without_experts(spec):
        return None
    return Remark(
        rule="no-experts",
        reason=f"mxfp4 covers experts only, and {spec.model.name} has none: its weights stay in 16 bits",
        hint="use another quantization",
    )


def _unmeasured_version(evaluation: Evaluation) -> Remark | None:
    """The constants of another version apply; how far they hold for this one is unknown."""
    engine, logs = evaluation.spec.engine, load_constants().logged_versions
    if engine.name != "vllm" or ".".join(map(str, parse_version(engine.version).release[:2])) in logs:
        return None
    return Remark(
        rule="unread-version",
        reason=f"no boot log of vLLM {engine.version} was measured: the constants of {engine.regime} are used; "
        f"logs are from {', '.join(logs)}",
        hint="compare with a real boot: signalbox check-boot LOG",
    )


def _derived_kinds(evaluation: Evaluation) -> Remark | None:
    """No boot with them was measured, and no formula for their speed has a source."""
    kinds = evaluation.spec.serving.names
    if not kinds:
        return None
    vllm = evaluation.spec.engine.name == "vllm"
    source = "the source of vLLM 0.24.0" if vllm else "the sizes of the file's layers"
    return Remark(
        rule="kinds-derived",
        reason=f"memory only for {' and '.join(kinds)}: derived from {source}, not measured, and without a speed",
        hint="compare with a real boot: signalbox check-boot LOG",
    )


def _estimated_total(evaluation: Evaluation) -> Remark | None:
    gpu = evaluation.spec.gpu
    if not gpu.total_is_estimated:
        return None
    if gpu.vendor != "nvidia":
        reason = f"the memory of {gpu.product} that an engine can use is an estimate: {gpu.total_gib} GiB"
        return Remark(rule="total-estimated", reason=reason, hint="state your own: --gpu-memory")
    return Remark(
        rule="total-estimated",
        reason=f"the memory that CUDA reports on {gpu.product} was not measured: {gpu.total_gib} GiB is an "
        "estimate",
        hint="compare with torch.cuda.mem_get_info() on the machine",
    )


def _uncertain(evaluation: Evaluation) -> Remark | None:
    model = evaluation.spec.model
    if not model.guessed:
        return None
    return Remark(
        rule="unknown-architecture",
        reason=f"unknown architecture {model.family!r}: its size was compared with no measurement",
        hint="check the log of a first boot with signalbox check-boot LOG --store",
    )


def _cold_start(evaluation: Evaluation) -> str | None:
    """A later boot reuses the compile cache, and vLLM then gives the memory of the compilation to the KV cache."""
    spec = evaluation.spec
    if spec.engine.name != "vllm" or spec.eager or not evaluation.fits:
        return None
    gain = budget(replace(spec, warm_cache=True)).kv_bytes - evaluation.budget.kv_bytes
    if gain < _LEAST_GAIN:
        return None
    return (
        "this plan includes compilation memory of a cold start; with a warm compile cache (VLLM_CACHE_ROOT on a "
        f"volume) {gain / GIB:.2f} GiB more is available"
    )


def _host_memory(evaluation: Evaluation) -> str | None:
    size = evaluation.budget.host_bytes
    if not size:
        return None
    how = (
        "reads them over PCIe in each step"
        if evaluation.spec.engine.name == "vllm"
        else "computes them on the CPU"
    )
    return f"{size / GIB:.2f} GiB of weights and cache are in the host's memory: the engine {how}, many times slower"


def _data_parallel_ranks(evaluation: Evaluation) -> str | None:
    ranks = evaluation.spec.serving.data_parallel
    return (
        f"each of {ranks} data-parallel ranks has this cache; the ranks share the experts"
        if ranks > 1
        else None
    )


def _tied_head(evaluation: Evaluation) -> str | None:
    spec = evaluation.spec
    # vLLM binds the head to the embedding, whatever the checkpoint stores; TGI loads both.
    if spec.engine.name != "tgi" or not (spec.model.tied and spec.quantization.head_copy):
        return None
    size = spec.model.parameters.embedding * 2 / GIB / spec.tensor_parallel
    return (
        f"this plan includes {size:.2f} GiB for a second copy of the embedding: TGI loads the tied head separately "
        f"from a checkpoint in {spec.quantization.name}"
    )


_WARNINGS: tuple[Callable[[Evaluation], Remark | None], ...] = (
    _waiting,
    _cast,
    _no_experts,
    _unmeasured_version,
    _derived_kinds,
    _estimated_total,
    _uncertain,
)
_NOTES: tuple[Callable[[Evaluation], str | None], ...] = (
    _cold_start,
    _host_memory,
    _data_parallel_ranks,
    _tied_head,
)
