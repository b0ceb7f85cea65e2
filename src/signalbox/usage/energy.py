"""An estimate of energy from tokens and seconds. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from signalbox.contracts.usage import Amount

_THOUSAND, _HOUR_SECONDS = 1000, 3600


@dataclass(frozen=True)
class Energy:
    """What an answer takes: of a decoder for 1,000 completion tokens, of an encoder while it computes. None: not known.

    A decoder serves many requests at once, so its seconds say little; its tokens at a usual load say more.
    """

    wh_per_1k_tokens: float | None = None
    encoder_watts: float | None = None

    def watthours(self, model: str, amount: Amount) -> float | None:
        """Watt hours of calls to a model; None where the figure for it is missing."""
        if model == "decoder" and self.wh_per_1k_tokens is not None:
            return amount.completion_tokens * self.wh_per_1k_tokens / _THOUSAND
        if model == "encoder" and self.encoder_watts is not None:
            return amount.seconds * self.encoder_watts / _HOUR_SECONDS
        return None
