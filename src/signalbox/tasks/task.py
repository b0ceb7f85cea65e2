"""The model of `task.yaml`: labels, languages and prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from signalbox.contracts.labels import (
    ABSTAIN,
    NEUTRAL,
    YES,
    Label,
    Verdict,
    listed,
    normal_form,
    slugs,
    verdict_for,
)
from signalbox.contracts.record import Contract
from signalbox.errors import InputError
from signalbox.tasks.certificate import CertificateSpec
from signalbox.tasks.checks import check_forms, check_turn
from signalbox.tasks.context import ContextSpec, user_turn
from signalbox.tasks.labels import (
    ABSTAIN_WORDS,
    LETTERS,
    AnswerForm,
    TaskLabel,
    check_names,
    check_words,
    unknown_label_hint,
)
from signalbox.tasks.languages import LanguageSpec, with_labels
from signalbox.tasks.turns import Turn

LISTING = "{labels}"  # where a system prompt has the list of labels


class Task(Contract):
    """A classification task with a justification: two labels or more, and prompts in its languages."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: dict[str, str]
    question: dict[str, str] = Field(description="What the labels answer, per language, for people.")
    languages: dict[str, LanguageSpec] = Field(min_length=1)
    labels: tuple[TaskLabel, ...] = Field(
        description="In order. A yes/no task may leave them out and write the words in its languages."
    )
    positive_label: Label | None = Field(
        default=None, description="The positive one of two labels: for thresholds and the AUC."
    )
    answer: AnswerForm = Field(
        default="words",
        description="How a decoder answers: with the word of a label, or with a letter that the prompt gives it.",
    )
    abstain: bool = Field(default=False, description="Whether the prompt has the answer “none of these”.")
    context: ContextSpec | None = Field(
        default=None,
        description="Limits of the passages that a request may send with a text; none without it.",
    )
    evidence_calls: int | None = Field(
        default=None,
        ge=0,
        le=64,
        description="Most calls to a decoder for the evidence of one answer. Defaults to the setting.",
    )
    margin: float = Field(
        default=0.05,
        allow_inf_nan=False,
        description="Loss of accuracy at which a smaller model still does it, as a share: 0.05 is 5 points.",
    )
    max_input_characters: int = Field(default=4000, gt=0)
    max_answer_tokens: int = Field(default=48, gt=0)
    certificate: CertificateSpec = CertificateSpec()
    folder: Path = Field(exclude=True)

    @field_validator("labels", mode="before")
    @classmethod
    def _bare_names(cls, value: object) -> object:
        if isinstance(value, (list, tuple)) and any(isinstance(item, (str, bool)) for item in value):
            raise ValueError("each label is a mapping: {name: NAME, words: {en: [WORD]}}")
        return value

    @field_validator("margin")
    @classmethod
    def _is_a_share(cls, value: float) -> float:
        if not 0 < value < 1:
            hint = f"; {value:g} points are {value / 100:g}" if 1 <= value < 100 else ""
            raise ValueError(f"must be a share between 0 and 1, such as 0.05 for 5 points{hint}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _labels_from_words(cls, value: Any) -> Any:  # noqa: ANN401 - whatever is validated
        return with_labels(value) if isinstance(value, dict) and "labels" not in value else value

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        check_names(self.labels)
        if self.positive_label is not None and len(self.labels) != 2:
            raise InputError("positive_label", self.positive_label, "Remove it: it is for two labels only.")
        if self.positive_label is not None and self.positive_label not in self.names:
            raise InputError("positive_label", self.positive_label, f"Use one of {listed(self.names)}.")
        for code, spec in self.languages.items():
            self._check_language(code, spec)
        return self

    def _check_language(self, code: str, spec: LanguageSpec) -> None:
        if self.abstain and not (spec.abstain or code in ABSTAIN_WORDS):
            hint = "Write the words for “none of these” in this language."
            raise InputError(f"languages.{code}.abstain", None, hint)
        check_words(code, self.words(code))
        if spec.words and spec.words != {label.name: label.words[code] for label in self.labels}:
            hint = "Write the words at the labels, and remove them here."
            raise InputError(f"languages.{code}.words", spec.words, hint)
        forms = self.answer_forms(code)
        check_forms(code, forms, self.max_answer_tokens)
        for index, turn in enumerate(spec.turns):
            field = f"languages.{code}.turns.{index}"
            if turn.label is not None and turn.label not in self.answers:
                raise InputError(f"{field}.label", turn.label, unknown_label_hint(self.answers))
            if turn.context:
                self.check_context(turn.context, f"{field}.context")
            part = "reason" if turn.label else "answer"
            check_turn(f"{field}.{part}", self._answer_of(turn, code), turn.label, forms)

    @property
    def names(self) -> tuple[Label, ...]:
        """The names of the labels, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def answers(self) -> tuple[Label, ...]:
        """What people and models may answer: the labels, then ABSTAIN if the task abstains."""
        return (*self.names, ABSTAIN) if self.abstain else self.names

    @property
    def positive(self) -> Label | None:
        """The positive one of two labels: the task's, else yes, else the first; None for more labels."""
        if len(self.labels) != 2:
            return None
        return self.positive_label or (YES if YES in self.names else self.names[0])

    @property
    def slugs(self) -> dict[Label, str]:
        """For each answer a name that is safe in paths and names of metrics."""
        return slugs(self.answers)

    def language(self, code: str) -> LanguageSpec:
        """The spec of one language; an unknown code is an InputError that lists the known ones."""
        if code not in self.languages:
            raise InputError(
                "language", code, f"Task {self.name!r} knows: {', '.join(sorted(self.languages))}."
            )
        return self.languages[code]

    def current(self, label: Label) -> Label | None:
        """The answer's name today, also for a former name of a label; None if the task no longer has it."""
        name = normal_form(label)
        if name in self.answers:
            return name
        return next((other.name for other in self.labels if name in other.former), None)

    def check_label(self, label: Label, field: str = "label") -> Label:
        """The label's name today. Raises InputError where the task does not have it."""
        name = self.current(label)
        if name is None:
            raise InputError(field, label, unknown_label_hint(self.answers))
        return name

    def verdict_of(self, label: Label) -> Verdict:
        """The verdict that agrees with a ground truth, or with the verdict of an earlier record: to abstain is NEUTRAL.

        A label that the task no longer has stays itself.
        """
        return verdict_for(self.current(label) or label)

    def words(self, language: str) -> dict[Label, tuple[str, ...]]:
        """The words of each answer in a language; the first one is the canonical form."""
        spec = self.language(language)
        words = {label.name: label.words.get(language, ()) for label in self.labels}
        return words | ({ABSTAIN: spec.abstain or ABSTAIN_WORDS[language]} if self.abstain else {})

    def answer_forms(self, language: str) -> Mapping[Label, tuple[str, ...]]:
        """What a decoder may begin its answer with, for each answer: words, or the letter of the prompt."""
        if self.answer == "words":
            return self.words(language)
        return {label: (letter,) for label, letter in zip(self.answers, LETTERS, strict=False)}

    def word(self, verdict: Verdict, language: str) -> str:
        """The canonical word of a verdict, as people read it. A label that the task no longer has is its own word."""
        if verdict == NEUTRAL:
            return "Neutral"
        forms = self.words(language).get(self.current(verdict) or verdict, ())
        return forms[0] if forms else verdict

    def description(self, label: Label, language: str) -> str:
        """What a label means in a language; empty if the task does not say it."""
        return next((other.description.get(language, "") for other in self.labels if other.name == label), "")

    def listing(self, language: str) -> str:
        """The labels as lines of a prompt, with their letters if these are the answer."""
        words, forms = self.words(language), self.answer_forms(language)
        lines = []
        for label in self.answers:
            mark = "-" if self.answer == "words" else f"{forms[label][0]}."
            lines.append(
                ": ".join(filter(None, (f"{mark} {words[label][0]}", self.description(label, language))))
            )
        return "\n".join(lines)

    def messages(self, text: str, language: str, context: Sequence[str] = ()) -> list[dict[str, str]]:
        """The chat sent to a decoder: system prompt, few-shot turns, the question with its passages."""
        spec = self.language(language)
        chat = [{"role": "system", "content": self._system(spec, language)}]
        for turn in spec.turns:
            chat.append({"role": "user", "content": self._user(spec, turn.text, turn.context)})
            chat.append({"role": "assistant", "content": self._answer_of(turn, language)})
        return [*chat, {"role": "user", "content": self._user(spec, text, context)}]

    def check_context(self, context: Sequence[str], field: str = "context") -> None:
        """Raise InputError for passages that this task does not take."""
        if self.context is None:
            hint = "Remove it, or set `context` in the task's task.yaml."
            problem = f"{field}: the task {self.name} reads no passages."
            raise InputError(field, len(context), hint, problem=problem)
        self.context.check(context, field)

    def _user(self, spec: LanguageSpec, text: str, context: Sequence[str]) -> str:
        if self.context is None:
            return spec.user.replace("{text}", text)
        return user_turn(spec.user, text, context)

    def _system(self, spec: LanguageSpec, language: str) -> str:
        """The system prompt with the labels: where it says so, else at its end unless it has their words itself."""
        if LISTING in spec.system:
            return spec.system.replace(LISTING, self.listing(language))
        names_them = spec.words and self.answer == "words" and not self.abstain
        return spec.system if names_them else f"{spec.system}\n{self.listing(language)}"

    def _answer_of(self, turn: Turn, language: str) -> str:
        if turn.label is None:
            return turn.answer or ""
        return f"{self.answer_forms(language)[turn.label][0]}. {turn.reason}".rstrip()
