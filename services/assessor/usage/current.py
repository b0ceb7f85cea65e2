"""The models that the current request calls, with their tokens and seconds.

A context variable carries it from the middleware to the calls, because evidence, a cascade and a batch call models many
layers below the request. Without a request, as in the poll of health, nothing is counted.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass, field

from signalbox.contracts.usage import Amount


@dataclass
class RequestUsage:
    """Amounts by model. The request itself belongs to the model that answered last, so that requests add up."""

    by_model: dict[str, Amount] = field(default_factory=dict)

    def add(self, model: str, amount: Amount) -> None:
        """Add a call."""
        earlier = self.by_model.pop(model, None)
        self.by_model[model] = amount if earlier is None else earlier.plus(amount)

    @property
    def amounts(self) -> dict[str, Amount]:
        """The amounts with the request; empty if it called no model."""
        amounts = dict(self.by_model)
        if amounts:
            last = next(reversed(amounts))
            amounts[last] = amounts[last].plus(Amount(requests=1))
        return amounts


_CURRENT: ContextVar[RequestUsage | None] = ContextVar("request_usage", default=None)


class Measuring:
    """Collects the calls of a block. A class, because a generator as a context manager costs several times as much."""

    __slots__ = ("_token",)
    _token: Token[RequestUsage | None]

    def __enter__(self) -> RequestUsage:
        usage = RequestUsage()
        self._token = _CURRENT.set(usage)
        return usage

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)


def add_call(model: str, amount: Amount) -> None:
    """Add a call to the current request, if there is one."""
    if usage := _CURRENT.get():
        usage.add(model, amount)
