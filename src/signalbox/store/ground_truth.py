"""Ground truth of people, from feedback and from the queue."""

from __future__ import annotations

from collections.abc import Iterable

from signalbox.contracts.record import Feedback, LabeledText, Record


def ground_truth(
    pairs: Iterable[tuple[Record, Feedback]], queue: Iterable[tuple[float, LabeledText]]
) -> list[LabeledText]:
    """Texts with their label, the oldest label first: `queue` has the time of each, in seconds since 1970.

    Where a record has feedback and a label of the queue, that of the queue counts. Records without their text, and those of
    evaluations, are left out.
    """
    labeled = {text.id: (at, text) for at, text in queue}
    for record, feedback in pairs:
        if record.input_text is None or record.source != "user" or record.id in labeled:
            continue
        text = LabeledText(
            id=record.id,
            text=record.input_text,
            context=record.context,
            label=feedback.label,
            language=record.language,
            family=record.id,
            split="feedback",
        )
        labeled[record.id] = (feedback.created_at.timestamp(), text)
    return [text for _, text in sorted(labeled.values(), key=lambda pair: pair[0])]
