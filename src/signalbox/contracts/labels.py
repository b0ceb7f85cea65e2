"""Labels and verdicts: the answers of a task, and the probabilities that a model gives them.

A label is data of a task, so any text can be one. A verdict is a label or `NEUTRAL`. The tasks of the first version had
the two labels of `BINARY` only; what was written then (records, thresholds, releases, the field `p_yes`) is read with
them. This module is the only place of the library that spells them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Final

from pydantic import AfterValidator, Field

MAXIMUM_LABEL_CHARACTERS = 60

YES: Final = "yes"
NO: Final = "no"
BINARY: Final = (YES, NO)
# No answer of the task: the text starts with none of its words. The verdict is never guessed.
NEUTRAL: Final = "neutral"
# The answer of a task that abstains: a label for people, and NEUTRAL for the light.
ABSTAIN: Final = "none of these"

_SUM_TOLERANCE = 1e-6
# Right-to-left words need no such character; one that stays open would turn around the text after it.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@lru_cache(maxsize=1024)  # the validator of each label and verdict: some fifteen calls for a prediction
def normal_form(name: str) -> str:
    """The form in which labels are stored and compared: NFC. Raises ValueError for a name that cannot be shown."""
    label = unicodedata.normalize("NFC", name)
    if not label.strip():
        raise ValueError("a label needs at least one visible character")
    if label != label.strip():
        raise ValueError("remove the space at the start or the end of the label")
    if len(label) > MAXIMUM_LABEL_CHARACTERS:
        raise ValueError(f"a label has at most {MAXIMUM_LABEL_CHARACTERS} characters")
    if any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or c in _DIRECTION for c in label):
        raise ValueError("a label has no line breaks, control characters or direction marks")
    return label


def same_name(label: str) -> str:
    """A key that is equal for names that people read as the same: case and normal form do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", label).casefold())


def _sums_to_one(probabilities: dict[str, float]) -> dict[str, float]:
    total = math.fsum(probabilities.values())
    if len(probabilities) < 2 or abs(total - 1.0) > _SUM_TOLERANCE:
        raise ValueError(f"needs two labels or more whose probabilities sum to 1, got a sum of {total:g}")
    return probabilities


Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Label = Annotated[str, AfterValidator(normal_form)]
# A label, or NEUTRAL.
Verdict = Annotated[str, AfterValidator(normal_form)]
# In the order of the task's labels. They are shares of the mass on the labels: `verdict_mass` has what is outside.
LabelProbabilities = Annotated[dict[Label, Probability], AfterValidator(_sums_to_one)]


def yes_no(p_yes: float | None) -> dict[str, float] | None:
    """The probabilities of a yes/no task from p(yes)."""
    return None if p_yes is None else {YES: p_yes, NO: 1.0 - p_yes}


def p_yes_of(probabilities: Mapping[str, float] | None) -> float | None:
    """p(yes) of a yes/no task; None for another task."""
    return None if probabilities is None or set(probabilities) != set(BINARY) else probabilities[YES]


def ranking(probabilities: Mapping[str, float]) -> list[str]:
    """The labels by probability, the most probable first; equal ones in the order of the task."""
    return sorted(probabilities, key=lambda label: -probabilities[label])


def margin(probabilities: Mapping[str, float]) -> float:
    """The probability of the best label less that of its runner-up."""
    best, runner_up = ranking(probabilities)[:2]
    return probabilities[best] - probabilities[runner_up]


def normalized(masses: Mapping[str, float]) -> tuple[dict[str, float] | None, float]:
    """Probabilities from the masses of labels, and the sum of the masses; no probabilities where it is 0."""
    total = math.fsum(masses.values())
    if total <= 0.0:
        return None, 0.0
    return {label: min(1.0, mass / total) for label, mass in masses.items()}, min(1.0, total)


def verdict_for(label: Label) -> Verdict:
    """The verdict that agrees with a ground truth of today: for "none of these" it is NEUTRAL."""
    return NEUTRAL if label == ABSTAIN else label


def slugs(labels: Sequence[str]) -> dict[str, str]:
    """For each label a name of a-z, 0-9 and "-" that is unique among them, for paths and metric names.

    A label without such characters is called by its position, as are two that would get the same name, and one that
    would be called like `NEUTRAL`.
    """
    plain = {label: _plain(label) for label in labels}
    counts = Counter(plain.values())
    return {
        label: name if _is_slug(name, counts) else "-".join(filter(None, (name, f"label-{number}")))
        for number, (label, name) in enumerate(plain.items(), start=1)
    }


def _is_slug(name: str, counts: Counter[str]) -> bool:
    # What ends like the name of a position could be the name of another label.
    return (
        bool(name) and name != NEUTRAL and counts[name] == 1 and re.search(r"(?:^|-)label-\d+$", name) is None
    )


def _plain(label: str) -> str:
    bare = unicodedata.normalize("NFKD", label.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")


def listed(labels: Iterable[str]) -> str:
    """Labels for a message: each in backticks."""
    return ", ".join(f"`{label}`" for label in labels)
