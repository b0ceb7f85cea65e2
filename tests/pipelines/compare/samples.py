"""Comparisons without a server: rows in families, and models whose answers are scripted by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pipelines.classes import YES_NO
from pipelines.compare.comparison import Comparison, Energy, Entry, Method, by_size, outcome_of
from pipelines.compare.models.journal import Reply
from pipelines.compare.rows import Cell, row_key
from pipelines.compare.scoring import score
from pipelines.strata import Stratum
from signalbox.contracts.labels import yes_no
from signalbox.contracts.record import LabeledText, ModelRelease

MEBIBYTE = 2**20
METHOD = Method(datetime(2026, 11, 29, tzinfo=UTC), "signalbox compare", "a machine", "d1", "p1")

# Whether a model is right on a row of this number.
Skill = Callable[[int], bool]


def rows(
    count: int, split: str, language: str = "en", tier: str | None = "everyday", family: int = 3
) -> tuple[LabeledText, ...]:
    """Rows in families of `family`, whose labels alternate by family."""
    return tuple(
        LabeledText.model_validate(
            {
                "id": f"{tier}-{language}-{split}-{number}",
                "text": f"The {tier} {split} text {number} of the language {language}.",
                "label": "yes" if (number // family) % 2 else "no",
                "language": language,
                "family": f"{tier}-{split}-{number // family}",
                "split": split,
                "tier": tier,
            }
        )
        for number in range(count)
    )


def cell(
    language: str = "en",
    tier: str | None = "everyday",
    test: int = 120,
    calibration: int = 60,
    family: int = 3,
) -> Cell:
    parts = [
        rows(count, split, language, tier, family)
        for count, split in ((test, "test"), (calibration, "calibration"), (12, "few-shot"))
    ]
    return Cell(Stratum(tier, language), *parts)  # type: ignore[arg-type]


def replies(one: Cell, skill: Skill, seconds: float = 0.1) -> dict[tuple[str, int], Reply]:
    """Answers with a probability of .9 for the verdict."""
    found = {}
    for part in (one.test, one.calibration):
        for number, row in enumerate(part):
            label = row.label if skill(number) else ("no" if row.label == "yes" else "yes")
            p = yes_no(0.9 if label == "yes" else 0.1)
            key = row_key(row), 0
            found[key] = Reply(row=key[0], repeat=0, stated=label, probabilities=p, seconds=seconds)
    return found


def entry(
    name: str,
    cells: Sequence[Cell],
    skill: Skill,
    *,
    size: int | None = MEBIBYTE,
    quantization: str = "Q4_1",
    model: str | None = None,
    seconds: float = 0.1,
    memory: int | None = None,
    energy: Energy | None = None,
) -> Entry:
    """A model with its scores."""
    release = ModelRelease(name=model or name, revision="r1", engine="llama.cpp", quantization=quantization)
    scores = {one.name: score(one, replies(one, skill, seconds), YES_NO) for one in cells}
    return Entry(name, "decoder", scores, release, size, memory, energy)


def majority(cells: Sequence[Cell]) -> Entry:
    """Always no, which is right on every second family."""
    found = {}
    for one in cells:
        answers = {
            (row_key(row), 0): Reply(row=row_key(row), repeat=0, stated="no", probabilities=None, seconds=0.0)
            for row in one.test
        }
        found[one.name] = score(one, answers, YES_NO)
    return Entry("majority", "baseline", found, size_bytes=0)


def comparison(entries: Sequence[Entry], cells: Sequence[Cell], **changes: object) -> Comparison:
    """The comparison of the entries and the majority."""
    everyone = [*entries, majority(cells)]
    outcomes = tuple(outcome_of(one, everyone, 0.05) for one in cells)
    fields = {
        "task": "toy",
        "margin": 0.05,
        "entries": by_size(everyone),
        "outcomes": outcomes,
        "method": METHOD,
    }
    return Comparison(**(fields | changes))  # type: ignore[arg-type]


def example() -> Comparison:
    """Two tiers and languages, four models and two quantizations, measured in every respect."""
    cells = [cell("de"), cell("en"), cell("de", "hard", 96, 48, 8), cell("en", "hard", 96, 48, 8)]
    small = entry(
        "smollm2-135m",
        cells,
        lambda n: n % 3 > 0,
        size=90 * MEBIBYTE,
        seconds=0.3,
        memory=160 * MEBIBYTE,
        energy=Energy(4.0, "estimated from 45 W"),
    )
    middle = entry(
        "qwen2.5-coder-0.5b",
        cells,
        lambda n: n % 12 > 0,
        size=469 * MEBIBYTE,
        seconds=0.9,
        memory=610 * MEBIBYTE,
        energy=Energy(11.0, "estimated from 45 W"),
    )
    large = entry(
        "qwen2.5-coder-1.5b",
        cells,
        lambda n: n % 40 > 0,
        size=1066 * MEBIBYTE,
        seconds=2.8,
        memory=1400 * MEBIBYTE,
        energy=Energy(35.0, "estimated from 45 W"),
        model="qwen-1.5b",
    )
    tiny = entry(
        "qwen2.5-coder-1.5b-q2",
        cells,
        lambda n: n % 11 > 0,
        size=700 * MEBIBYTE,
        seconds=2.1,
        memory=1000 * MEBIBYTE,
        energy=Energy(30.0, "estimated from 45 W"),
        model="qwen-1.5b",
        quantization="Q2_K",
    )
    encoder = entry(
        "encoder",
        cells,
        lambda n: n % 4 > 0,
        size=25 * MEBIBYTE,
        seconds=0.01,
        memory=300 * MEBIBYTE,
        energy=Energy(0.1, "estimated from 45 W"),
    )
    skipped = {"llama-70b": "llama-70b needs about 40.0 GiB of memory; the limit is 8.0 GiB."}
    return comparison([small, middle, large, tiny, encoder], cells, skipped=skipped)
