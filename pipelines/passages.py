"""The passages of a row that has any, as the assessor gives them to models: a decoder reads them, an encoder none."""

from __future__ import annotations

from signalbox.contracts.record import LabeledText
from signalbox.contracts.routes import ModelName


def as_read_by(model: ModelName, row: LabeledText) -> LabeledText:
    """The row with what a model reads of it (docs/decisions/0038-context.md)."""
    return row if model == "decoder" else row.model_copy(update={"context": ()})


def passages_of(row: LabeledText) -> tuple[tuple[str, ...], ...]:
    """The last arguments of a query: the passages, and nothing for a row without any."""
    return (row.context,) if row.context else ()
