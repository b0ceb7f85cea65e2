"""Support rules: which configurations run, by compute capability, dtype, quantization, engine and architecture.

The matrix of quantization by generation of GPU is data (matrix.py, data/support.yaml); rules that need arithmetic are
small predicates (rules.py). A rule has a stable id, a reason and a hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from signalbox.capacity.spec import Spec
from signalbox.capacity.support.matrix import Finding, load_support
from signalbox.capacity.support.rules import BY_CAPABILITY, RULES
from signalbox.errors import InputError

__all__ = ["Finding", "check", "check_numbers"]

_UNPROVEN_HINT = "Planned because of --allow-unproven: test it before you rely on it."


def check(spec: Spec, *, allow_unproven: bool = False) -> list[Finding]:
    """All findings, unsupported first. Numbers that can never be right raise InputError.

    `allow_unproven` turns rules that lack a proof into warnings; configurations that are known to fail stay
    unsupported.
    """
    _check_spec_numbers(spec)
    tables = load_support()
    rules = [rule for rule in RULES if spec.gpu.has_rules or rule not in BY_CAPABILITY]
    findings = [finding for rule in rules if (finding := rule(spec, tables)) is not None]
    if allow_unproven:
        findings = [_allowed(finding) if finding.unproven else finding for finding in findings]
    return sorted(findings, key=lambda finding: finding.level != "unsupported")


def _allowed(finding: Finding) -> Finding:
    return replace(finding, level="warning", hint=_UNPROVEN_HINT)


def _check_spec_numbers(spec: Spec) -> None:
    counts = {
        "context": spec.context,
        "concurrency": spec.concurrency,
        "batched_tokens": spec.batched_tokens,
        "tensor_parallel": spec.tensor_parallel,
        "pipeline_parallel": spec.pipeline_parallel,
    }
    check_numbers(counts, "memory_utilization", spec.memory_utilization)


def check_numbers(counts: Mapping[str, int | None], share_name: str, share: float | None) -> None:
    """Raise InputError for a count below 1 or a share of the GPU outside (0, 1]; None passes."""
    for field, value in counts.items():
        if value is not None and value < 1:
            raise InputError(field, value, "Give a number of at least 1.")
    if share is not None and not 0 < share <= 1:
        raise InputError(share_name, share, "Give a share of the GPU above 0 and up to 1, such as 0.9.")
