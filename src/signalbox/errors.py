"""Errors that a person reads: each names the field, the value and what to do.

SignalboxError
├── InputError       the caller's input is wrong; becomes a 4xx or exit status 2
│   └── NotFoundError    it names something that does not exist; becomes a 404
├── SetupError       something is missing or wrong here; names the command that fixes it
└── ModelError       a model did not give a usable answer
    ├── ModelTimeout
    ├── ModelUnavailable
    ├── ModelRejected
    └── ModelUnparsable
"""

from __future__ import annotations

EXIT_FAILURE, EXIT_INPUT = 1, 2
_SHOWN_CHARACTERS = 80


class SignalboxError(Exception):
    """Base of all errors raised on purpose: `message` is what happened, `hint` what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}".rstrip())


class InputError(SignalboxError):
    """Wrong input: which field, which value, and what would be right.

    `problem` replaces the message "FIELD: got VALUE." where a sentence says more.
    """

    def __init__(self, field: str, value: object, hint: str, *, problem: str = "") -> None:
        self.field = field
        self.value = shorten(value)
        super().__init__(problem or f"{field}: got {self.value}.", hint=hint)


class NotFoundError(InputError):
    """What the input names does not exist."""


class SetupError(SignalboxError):
    """Something is missing or wrong on this machine or in the services it uses."""


class ModelError(SignalboxError):
    """A model did not give a usable answer."""


class ModelTimeout(ModelError):  # noqa: N818 - reads as what happened
    """No complete answer within the time limit."""


class ModelUnavailable(ModelError):  # noqa: N818
    """The server cannot be reached, is not ready, or broke off."""


class ModelRejected(ModelError):  # noqa: N818
    """The server answered with a client error."""


class ModelUnparsable(ModelError):  # noqa: N818
    """The answer is not of the agreed form."""


def shorten(value: object) -> str:
    """The value as shown in an error: its repr, cut so that a pasted megabyte stays readable."""
    if isinstance(value, (str, bytes)) and len(value) > _SHOWN_CHARACTERS:
        return f"{value[:_SHOWN_CHARACTERS]!r}… ({len(value)} characters)"
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
