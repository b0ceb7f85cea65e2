"""One spec against the memory model and the support rules: `Evaluation` is what every choice is based on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from signalbox.capacity.budget import Budget
from signalbox.capacity.memory import budget, open_limit
from signalbox.capacity.spec import Correction, Spec
from signalbox.capacity.support.check import Finding, check

Correct = Callable[[Spec], Correction | None]


@dataclass(frozen=True)
class Evaluation:
    """A spec, its memory, and the support rules that apply to it."""

    spec: Spec
    budget: Budget
    findings: tuple[Finding, ...]

    @property
    def violations(self) -> tuple[Finding, ...]:
        return tuple(row for row in self.findings if row.level == "unsupported")

    @property
    def fits(self) -> bool:
        """The engine starts: no rule is violated, and the cache fits one request of full context."""
        return self.budget.fits and not self.violations

    @property
    def gpus(self) -> int:
        return self.spec.gpus

    @property
    def overruled(self) -> tuple[str, ...]:
        """Ids of the rules without proof that `allow_unproven` turned into warnings."""
        return tuple(row.rule for row in self.findings if row.unproven and row.level == "warning")


Evaluate = Callable[[Spec], Evaluation]


def evaluate_spec(spec: Spec, *, allow_unproven: bool = False) -> Evaluation:
    """Raises InputError for numbers that no engine accepts."""
    startable = open_limit(spec)
    return Evaluation(startable, budget(startable), tuple(check(startable, allow_unproven=allow_unproven)))


def evaluator(correct: Correct | None, *, allow_unproven: bool = False) -> Evaluate:
    """`evaluate_spec` with the corrections of a cluster's boots applied to each spec."""

    def evaluate(spec: Spec) -> Evaluation:
        corrected = replace(spec, correction=correct(spec)) if correct else spec
        return evaluate_spec(corrected, allow_unproven=allow_unproven)

    return evaluate


def largest_context(spec: Spec, requests: int = 1) -> int:
    """Tokens per request up to the model's positions, with that many concurrent requests; 0 where nothing fits.

    Each step plans the engine anew, since its buffers depend on the context. More context never needs less memory.
    """
    if not _holds(spec, 1, requests):
        return 0
    low, high = 1, spec.model.max_positions
    if _holds(spec, high, requests):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _holds(spec, middle, requests) else (low, middle)
    return low


def _holds(spec: Spec, context: int, requests: int) -> bool:
    memory = budget(replace(spec, context=context))
    return memory.fits and memory.max_concurrency >= requests
