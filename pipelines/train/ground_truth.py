"""Labels from people as rows to learn from: one row a text, and none that thresholds or figures rest on. Pure."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.contracts.record import LabeledText

# Splits that thresholds are fitted and figures are taken on: a head that learned them would grade itself.
HELD_OUT = ("calibration", "test")


@dataclass(frozen=True)
class GroundTruth:
    """Rows to learn from, and what is not among them: counts of entries.

    `held_out` are on texts of the calibration or the test split, `known` on texts that are learned from anyway.
    `repeated` are on a text that a newer entry labels, too; `contradicted` of them with another label.
    """

    rows: tuple[LabeledText, ...]
    held_out: int = 0
    known: int = 0
    repeated: int = 0
    contradicted: int = 0

    def left_out(self) -> dict[str, int]:
        """The counts that are not 0, by their names."""
        counts = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        return {name: value for name, value in counts.items() if value}


def text_key(text: str) -> str:
    """Hash of a text in one form: case, spaces and the form of characters do not count."""
    form = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.sha256(form.encode()).hexdigest()


def rows_to_learn(
    entries: Sequence[LabeledText], data: Sequence[LabeledText], learned: Sequence[LabeledText]
) -> GroundTruth:
    """What of `entries`, the oldest first, can be learned next to the rows `learned`.

    `data` are all rows of the task, of every tier and split. Each text becomes one row with its newest label. Its family
    is that of the same text in the pool split, whose paraphrases people may label as well, else its hash.
    """
    held_out = {text_key(row.text) for row in data if row.split in HELD_OUT}
    known = {text_key(row.text) for row in learned} - held_out
    families = {text_key(row.text): row.family for row in data}
    by_text: dict[str, list[LabeledText]] = defaultdict(list)
    counts = {"held_out": 0, "known": 0}
    for entry in entries:
        key = text_key(entry.text)
        if key in held_out:
            counts["held_out"] += 1
        elif key in known:
            counts["known"] += 1
        else:
            by_text[key].append(entry)
    rows = [same[-1].model_copy(update={"family": families.get(key, key)}) for key, same in by_text.items()]
    older = [(entry, same[-1]) for same in by_text.values() for entry in same[:-1]]
    return GroundTruth(
        tuple(rows),
        **counts,
        repeated=len(older),
        contradicted=sum(entry.label != newest.label for entry, newest in older),
    )
