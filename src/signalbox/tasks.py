"""A task is a folder: `task.yaml` (prompts, verdict words) and `data.jsonl` (labeled texts). No code."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from signalbox.contracts.record import Contract, Label, LabeledText, Tier, Verdict
from signalbox.errors import InputError

Split = Literal["few-shot", "pool", "calibration", "test"]


class LanguageSpec(Contract):
    """A task's prompt and verdict words in one language."""

    system: str = Field(description="System prompt; asks for a verdict word first, then the reason.")
    user: str = Field(default="{text}", description="Template of the user's turn; {text} is the input.")
    words: dict[str, tuple[str, ...]] = Field(
        description="Verdict words per label; the first one is the canonical form."
    )
    turns: tuple[Turn, ...] = Field(description="Few-shot turns shown to a decoder before the question.")

    @field_validator("user")
    @classmethod
    def _has_text(cls, value: str) -> str:
        if "{text}" not in value:
            raise ValueError("must contain {text}, where the input goes")
        return value

    @field_validator("words", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        flat = [value] if not isinstance(value, dict) else [*value, *value.values()]
        bare = [item for part in flat for item in (part if isinstance(part, list) else [part])]
        if any(isinstance(item, bool) for item in bare):
            raise ValueError(
                'YAML reads a bare yes or no as true or false: put them in quotes, "yes": ["Yes"]'
            )
        return value

    @field_validator("words")
    @classmethod
    def _both_labels(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        labels = {label for label, words in value.items() if words}
        if labels != {"yes", "no"}:
            raise ValueError(f"needs words for yes and for no, got {sorted(labels)}")
        return value


class Turn(Contract):
    """One few-shot turn: a labeled text and the answer a good model gives."""

    text: str
    answer: str


class Task(Contract):
    """A binary classification task with a justification."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: dict[str, str]
    question: dict[str, str] = Field(description="What yes means, per language, for people.")
    languages: dict[str, LanguageSpec]
    max_input_characters: int = Field(default=4000, gt=0)
    max_answer_tokens: int = Field(default=48, gt=0)
    folder: Path = Field(exclude=True)

    def language(self, code: str) -> LanguageSpec:
        """The spec of one language; an unknown code is an InputError that lists the known ones."""
        if code not in self.languages:
            raise InputError(
                "language", code, f"Task {self.name!r} knows: {', '.join(sorted(self.languages))}."
            )
        return self.languages[code]

    def messages(self, text: str, language: str) -> list[dict[str, str]]:
        """The chat sent to a decoder: system prompt, few-shot turns, the question."""
        spec = self.language(language)
        chat = [{"role": "system", "content": spec.system}]
        for turn in spec.turns:
            chat.append({"role": "user", "content": spec.user.replace("{text}", turn.text)})
            chat.append({"role": "assistant", "content": turn.answer})
        return [*chat, {"role": "user", "content": spec.user.replace("{text}", text)}]

    def word(self, verdict: Verdict, language: str) -> str:
        """The canonical word of a verdict, as people read it."""
        if verdict is Verdict.NEUTRAL:
            return "Neutral"
        return self.language(language).words[verdict.value][0]


LanguageSpec.model_rebuild()


def load_task(folder: Path) -> Task:
    """Read `folder/task.yaml`. Raises InputError naming the file, the field and the hint."""
    path = folder / "task.yaml"
    if not path.is_file():
        raise InputError(
            "task",
            str(folder),
            f"Tasks next to it: {', '.join(known_tasks(folder.parent)) or 'none'}.",
            problem=f"{folder} has no task.yaml.",
        )
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Task.model_validate({**raw, "folder": folder})
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise InputError(str(path), "(not a YAML mapping)", f"Fix the file: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where}", first.get("input"), first["msg"]) from error


def load_data(task: Task, split: Split | None = None, tier: Tier = "hard") -> list[LabeledText]:
    """The labeled texts of one tier of a task, in file order; `split` keeps one split only."""
    path = task.folder / "data.jsonl"
    rows: list[LabeledText] = []
    # Not splitlines: a text may contain U+2028, which is no end of a JSON line.
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = LabeledText.model_validate(json.loads(line))
        except (json.JSONDecodeError, ValidationError) as error:
            raise InputError(f"{path}:{number}", line, f"Not a labeled text: {error}") from error
        task.language(row.language)
        rows.append(row)
    check_ids(rows)
    check_families(rows)
    return [row for row in rows if row.tier == tier and split in (None, row.split)]


def check_ids(rows: list[LabeledText]) -> None:
    """Raise InputError when two rows share an id: an evaluation would confuse their answers."""
    counts = Counter(row.id for row in rows)
    if repeated := sorted(name for name, count in counts.items() if count > 1):
        raise InputError(
            "id", repeated[0], f"{counts[repeated[0]]} rows have it; use a different id for each row."
        )


def check_families(rows: list[LabeledText]) -> None:
    """Raise InputError when a family is in two splits: its paraphrases would leak."""
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        splits[row.family].add(row.split)
    for family, names in splits.items():
        if len(names) > 1:
            raise InputError(
                "family",
                family,
                "Keep a family in one split.",
                problem=f"The family {family!r} is in the splits {sorted(names)}.",
            )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(
            "data.jsonl", str(path), "No such file: write one labeled text per line into it."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("data.jsonl", str(path), f"Save it as UTF-8 ({error.reason}).") from error


def known_tasks(root: Path) -> list[str]:
    """Names of the task folders under `root`."""
    return sorted(path.parent.name for path in root.glob("*/task.yaml"))


def as_verdict(label: Label) -> Verdict:
    """The verdict that a label stands for."""
    return Verdict(label)
