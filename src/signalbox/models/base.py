"""What every model client gives: an `Answer`, or a `ModelError` that says why not."""

from __future__ import annotations

from typing import Protocol

from pydantic import Field

from signalbox.contracts.record import Contract, ModelRelease, Probability, Verdict


class Answer(Contract):
    """What a model said, before any threshold or light.

    `stated` is the answer's first word (for an encoder: p_yes against ½). `verdict_mass` is the share of
    the first token's probability that lies on verdict words (None for an encoder, whose mass is 1).
    """

    release: ModelRelease
    stated: Verdict
    p_yes: Probability | None
    verdict_mass: Probability | None = None
    justification: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_seconds: float = Field(ge=0.0)


class ModelClient(Protocol):
    """A model that answers one task. Implementations: `EncoderClient`, `DecoderClient`."""

    async def release(self) -> ModelRelease:
        """Which release is being served. Raises ModelUnavailable when nothing answers."""
        ...

    async def ready(self) -> bool:
        """Whether the server takes requests now; never raises."""
        ...

    async def answer(self, text: str, language: str) -> Answer:
        """One answer. Raises a ModelError."""
        ...

    async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
        """Answers in the order of `texts`. Raises a ModelError when the whole batch failed."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
