"""A stream of users' texts with known answers, from `stream.yaml` of the task: what the demo certifies and then disturbs.

Texts are independent draws from one distribution, which is what a certificate assumes. Their answers are known, so that
the promise can be compared with the truth. A task without the file has no stream.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from functools import cached_property

import yaml
from pydantic import BaseModel, ConfigDict, Field

from signalbox.contracts.labels import Label
from signalbox.contracts.record import LabeledText
from signalbox.tasks import Task

FILE = "stream.yaml"
_NUMBERS = range(21, 89)
_SEED = 20261129


class Patterns(BaseModel):
    """The texts of one language: patterns by label, and what fills them."""

    model_config = ConfigDict(extra="allow")
    aids: list[str] = Field(min_length=1)
    background: list[str] = Field(min_length=1)

    def of(self, label: Label) -> list[str]:
        """The patterns of a label, the most frequent first."""
        patterns: list[str] = (self.model_extra or {})[label]
        return patterns


class Stream:
    """Draws texts of a task. No text comes twice, and none that is in `known`."""

    def __init__(self, task: Task, known: Collection[str] = ()) -> None:
        self._task, self._known = task, set(known)
        self._drawn: dict[str, Label] = {}
        # One for each language: a later run draws the same texts, in whatever order it needs them.
        self._random: dict[str, random.Random] = {}

    @cached_property
    def _patterns(self) -> dict[str, Patterns]:
        raw = yaml.safe_load((self._task.folder / FILE).read_text(encoding="utf-8"))
        return {language: Patterns.model_validate(spec) for language, spec in raw.items()}

    @property
    def exists(self) -> bool:
        """Whether the task has a stream."""
        return (self._task.folder / FILE).is_file()

    @property
    def languages(self) -> list[str]:
        """The languages that have one; none without the file."""
        if not self.exists:
            return []
        return [language for language in self._task.languages if language in self._patterns]

    def take(self, language: str, count: int) -> list[LabeledText]:
        """The next texts of a language, with their labels."""
        rows: list[LabeledText] = []
        while len(rows) < count:
            row = self._draw(language, len(self._drawn))
            if row.text in self._drawn:
                continue
            self._drawn[row.text] = row.label
            if row.text not in self._known:
                rows.append(row)
        return rows

    @property
    def labels(self) -> Mapping[str, Label]:
        """The label of each text that was drawn, those in `known` among them."""
        return self._drawn

    def _draw(self, language: str, number: int) -> LabeledText:
        spec = self._patterns[language]
        rng = self._random.setdefault(language, random.Random(f"{_SEED} {language}"))  # noqa: S311 - no secret
        label = rng.choice(self._task.names)
        patterns = spec.of(label)
        aid = rng.choice(spec.aids)
        [pattern] = rng.choices(patterns, [1 / rank for rank in range(1, len(patterns) + 1)])
        background = rng.choice(spec.background).format(n=rng.choice(_NUMBERS))
        sentences = [pattern.format(x=aid, X=aid[0].upper() + aid[1:])]
        sentences.insert(rng.randrange(2), background)
        name = f"stream-{language}-{number}"
        return LabeledText(
            id=name, text=" ".join(sentences), label=label, language=language, family=name, split="pool"
        )
