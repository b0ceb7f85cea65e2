"""The interface of all model clients: an `Answer`, or a `ModelError` with the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from pydantic import Field

from signalbox.contracts.labels import LabelProbabilities, Probability, Verdict, p_yes_of
from signalbox.contracts.record import Contract, ModelRelease


class Answer(Contract):
    """A model's answer, before any threshold or light.

    `stated` is the answer's first word (for an encoder: the most probable label). `probabilities` are in the order of
    the task's labels and sum to 1. `verdict_mass` is the share of the probability that is on labels at all (None for
    an encoder, whose mass is 1). `truncated`: the model did not see the whole text.
    """

    release: ModelRelease
    stated: Verdict
    probabilities: LabelProbabilities | None
    verdict_mass: Probability | None = None
    justification: str | None = None
    truncated: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_seconds: float = Field(ge=0.0)

    @property
    def p_yes(self) -> float | None:
        """p(yes) of a yes/no task, derived; None for another task."""
        return p_yes_of(self.probabilities)


class ModelClient(Protocol):
    """A model that answers one task. Implementations: `EncoderClient`, `DecoderClient`."""

    async def release(self) -> ModelRelease:
        """Which release is being served. Raises ModelUnavailable when nothing answers."""
        ...

    async def ready(self) -> bool:
        """Whether the server accepts requests now; never raises."""
        ...

    async def answer(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        """One answer; `context` has the passages of a task that reads some. Raises a ModelError."""
        ...

    async def verdict(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        """The answer without its justification, in as few tokens as verdict and probabilities need. Raises a ModelError."""
        ...

    async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
        """Answers in the order of `texts`. Raises a ModelError when the whole batch failed."""
        ...

    def stream(self, text: str, language: str, context: Sequence[str] = ()) -> AsyncIterator[str | Answer]:
        """The answer as it comes: an `Answer` with the final verdict and probabilities before any text, then pieces of
        text, then the whole `Answer`. A model without text yields its `Answer` once. Raises a ModelError.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
