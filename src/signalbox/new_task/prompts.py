"""The prompts that a new task starts with, as data. A language without a row here gets the English one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """What `task.yaml` says in one language; `{labels}` is replaced when the prompt is built."""

    question: str
    system: str
    system_with_letters: str


WORDINGS: Mapping[str, Wording] = {
    "en": Wording(
        "Which label fits the text?",
        "You sort texts. A text has one of these labels:\n{labels}\n"
        "Answer with the label first, then give a brief reason.",
        "You sort texts. A text has one of these labels:\n{labels}\n"
        "Answer with the letter of the label first, then give a brief reason.",
    ),
    "de": Wording(
        "Welche Kategorie passt zum Text?",
        "Du ordnest Texte ein. Ein Text gehört zu einer dieser Kategorien:\n{labels}\n"
        "Nenne zuerst die Kategorie und gib dann eine kurze Begründung.",
        "Du ordnest Texte ein. Ein Text gehört zu einer dieser Kategorien:\n{labels}\n"
        "Nenne zuerst den Buchstaben der Kategorie und gib dann eine kurze Begründung.",
    ),
}


def wording(language: str) -> Wording:
    """The wording of a language, else the English one."""
    return WORDINGS.get(language, WORDINGS["en"])
