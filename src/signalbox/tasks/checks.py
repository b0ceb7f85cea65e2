"""Whether a decoder's answers can be read: what no answer could tell apart is an error when a task is loaded."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from signalbox.contracts.labels import NEUTRAL, Label, listed
from signalbox.errors import InputError
from signalbox.tasks.forms import Words, common_beginnings, form_key, stated_verdict

# Tokens are looked at until words differ, one character each at worst: a stream waits for as many.
MOST_ALIKE = 20
# About a token: words that begin alike for longer have the first token in common with most tokenizers.
FEWEST_ALIKE = 4

_SHOWN_CHARACTERS = 80


def check_forms(language: str, forms: Words, max_answer_tokens: int) -> None:
    """Raise InputError for a word that cannot be read, or not be distinguished from one of another label."""
    owners: dict[str, tuple[Label, str]] = {}
    for label, words in forms.items():
        for word in words:
            field, key = f"words of `{label}` in `{language}`", form_key(word)
            if any(unicodedata.category(character) == "Cc" for character in word):
                raise InputError(field, word, "Write the word in one line, without control characters.")
            if not key:
                hint = (
                    "It has only markup or punctuation, which is skipped. Write a letter or a digit into it."
                )
                raise InputError(field, word, hint)
            owner, other = owners.setdefault(key, (label, word))
            if owner != label:
                hint = f"It reads as `{other}` of `{owner}`: case, quotes and punctuation around a word do not count."
                raise InputError(field, word, f"{hint} Choose another word.")
            if stated_verdict(word, {label: words}) == NEUTRAL:
                hint = "Not even the word alone reads as its label. Write it without punctuation and spaces at the end."
                raise InputError(field, word, hint)
    _check_beginnings(language, forms, max_answer_tokens)


def _check_beginnings(language: str, forms: Words, max_answer_tokens: int) -> None:
    for one, other, alike in common_beginnings(forms):
        if alike > MOST_ALIKE:
            field = f"words of `{other}` in `{language}`"
            problem = f"{field}: they begin like the words of `{one}`, with {alike} characters."
            hint = (
                f"At most {MOST_ALIKE} characters are compared. Use shorter words, or set `answer: letters`."
            )
            raise InputError(field, list(forms[other]), hint, problem=problem)
        if alike >= max_answer_tokens:
            hint = (
                f"Allow at least {alike + 1}: the words of `{one}` and `{other}` begin alike in `{language}`."
            )
            raise InputError("max_answer_tokens", max_answer_tokens, hint)


def check_turn(field: str, answer: str, label: Label | None, forms: Words) -> None:
    """Raise InputError for a few-shot turn whose answer states no label, or another one than its own."""
    stated = stated_verdict(answer, forms)
    if stated == NEUTRAL:
        first = listed(words[0] for words in forms.values())
        hint = f"Begin it with one of {first} and a period, or write `label` and `reason`."
        problem = f"{field}: the answer states no label: `{_shortened(answer)}`."
        raise InputError(field, answer, hint, problem=problem)
    if label is not None and stated != label:
        hint = f"Write another reason: the answer `{_shortened(answer)}` reads as `{stated}`."
        raise InputError(field, label, hint)


def alike(forms: Words) -> Iterator[tuple[Label, Label, str]]:
    """Pairs of labels with words that begin alike, and how they begin.

    A model that answers something else may have weighed such a beginning, and no one can say for which of the two.
    """
    for one, other, count in common_beginnings(forms):
        if count >= FEWEST_ALIKE:
            keys = {form_key(word)[:count] for word in forms[one]}
            common = keys & {form_key(word)[:count] for word in forms[other]}
            yield one, other, min(common)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
