"""What runs where: rules over compute capability, dtype, quantization, engine and architecture.

The matrix of quantization by generation of GPU is data (support_matrix.py, data/support.yaml); what needs arithmetic
is a small predicate (support_rules.py). A rule has a stable id, a reason in words and the nearest way out. A refusal
marked forceable (lack of proof, not proof of failure) becomes a warning when its id is in `forced`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from signalbox.capacity.spec import Spec
from signalbox.capacity.support.matrix import Finding, load, written
from signalbox.capacity.support.rules import BF16_CAPABILITY, FP8_CACHE_CAPABILITY, RULES
from signalbox.errors import InputError

__all__ = ["Finding", "check", "support_table"]


def check(spec: Spec, forced: Collection[str] = ()) -> list[Finding]:
    """All findings, refusals first. Numbers that can never be right raise InputError."""
    _check_numbers(spec)
    found = [finding for rule in RULES if (finding := rule(spec)) is not None]
    found = [_overruled(row) if row.rule in forced else row for row in found]
    return sorted(found, key=lambda row: row.level != "refusal")


def _overruled(row: Finding) -> Finding:
    verdict = load().verdicts.get(row.rule)
    if verdict is None or not verdict.forceable:
        return row
    return Finding("warning", row.rule, f"{row.reason} Forced.", "Try it before you rely on it.")


def _check_numbers(spec: Spec) -> None:
    at_least_one = {
        "context": spec.context,
        "concurrency": spec.concurrency,
        "batched_tokens": spec.batched_tokens,
        "tensor_parallel": spec.tensor_parallel,
        "pipeline_parallel": spec.pipeline_parallel,
    }
    check_numbers(at_least_one, "memory_utilization", spec.memory_utilization)


def check_numbers(at_least_one: Mapping[str, int | None], share_name: str, share: float | None) -> None:
    """InputError naming the field, where a count is below 1 or the share of the GPU is none; None passes."""
    for field, value in at_least_one.items():
        if value is not None and value < 1:
            raise InputError(field, value, "Give a number of at least 1.")
    if share is not None and not 0 < share <= 1:
        raise InputError(share_name, share, "Give a share of the GPU above 0 and up to 1, such as 0.9.")


def support_table() -> dict[str, Any]:
    """The matrix for templates: engine -> quantization -> generation -> "ok" or {level, rule, reason, hint}.

    It speaks of the engines' newest versions, and of a GPU by its generation. `generations` maps each name to the
    compute capability that it begins with.
    """
    tables = load()
    names = [name for name, _ in tables.generations]
    return {
        "generations": dict(tables.generations),
        "matrix": {
            engine: {
                quantization: {name: written(engine, quantization, i) for i, name in enumerate(names)}
                for quantization in rows
            }
            for engine, rows in tables.matrix.items()
        },
        "bfloat16_since": BF16_CAPABILITY,
        "fp8_cache_since": FP8_CACHE_CAPABILITY,
        "kv_dtypes": {engine: list(known) for engine, known in tables.kv_dtypes.items()},
    }
