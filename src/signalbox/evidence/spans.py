"""Parts of a text: sentences, and word groups inside a single one. Pure.

Offsets count code points of the text as it is; no part begins or ends with white space. Sentence ends are those of
`sentencex` (https://github.com/wikimedia/sentencex), corrected for what it leaves: quotes on the wrong side of an end,
abbreviations of medical prose, and lists.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sentencex
import yaml

_SURROGATE = re.compile("[\ud800-\udfff]")
_LIST_ITEM = re.compile(r"\n[ \t]*(?=[-\u2013\u2014\u2022*\u00b7][ \t])")
# After an ellipsis a sentence ends only where the next one begins like one.
_ELLIPSIS = re.compile(
    r"\u2026[\"'\u00bb\u201c\u201d\u2019)]*\s+(?=[\u201e\u201c\u00bb\"(]?[A-Z\u00c4\u00d6\u00dc])"
)
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_LAST_WORD = re.compile(r"([^\W\d_]+)\.\s*$")
_MARKS = "\"'\u00ab\u00bb\u2039\u203a\u201e\u201c\u201d\u201a\u2018\u2019\u300c\u300d)]("
_HANGING_MARKS = re.compile(rf"(?:^|(?<=\s))[{re.escape(_MARKS)}]+\s*$")
_ENDS_GROUP = frozenset(",;:\u2013\u2014")
# Scripts without spaces between words: a longer run of them is split between its characters.
_FEWEST_CHARACTERS = 8
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")


class Span(NamedTuple):
    """A part of a text: code points from `start` to before `end`."""

    start: int
    end: int


def sentences(text: str, language: str) -> tuple[Span, ...]:
    """The sentences of a text, in order. A language that is not known is split by punctuation."""
    own = (match.end() for ends in (_LIST_ITEM, _ELLIPSIS) for match in ends.finditer(text))
    ends = sorted({*_library_ends(text, language), *own})
    ends = [
        end for end in (_corrected(text, end) for end in ends) if not _is_abbreviation(text, end, language)
    ]
    spans = [
        span
        for start, end in itertools.pairwise(sorted({0, *ends, len(text)}))
        if (span := trimmed(text, start, end))
    ]
    return tuple(_with_words(text, spans))


def word_groups(text: str, span: Span, language: str) -> tuple[Span, ...]:
    """The word groups of one sentence, in order: split at commas and before function words; else its words."""
    tokens = [Span(match.start(), match.end()) for match in re.compile(r"\S+").finditer(text, *span)]
    if len(tokens) == 1:
        return tuple(_characters(text, tokens[0]))
    small = _table("function_words").get(language)
    if small is None:
        return tuple(tokens)
    groups = [tokens[0]]
    for before, token in itertools.pairwise(tokens):
        if _begins_group(text, before, token, small):
            groups.append(token)
        else:
            groups[-1] = Span(groups[-1].start, token.end)
    return tuple(groups if len(groups) > 1 else tokens)


def merged(spans: Sequence[Span], most: int) -> tuple[Span, ...]:
    """At most `most` spans: the neighbors that are the shortest together are joined first."""
    rest, most = list(spans), max(1, most)
    while len(rest) > 4 * most:  # by pairs: the search below takes the square of the number of spans
        pairs = [rest[i : i + 2] for i in range(0, len(rest), 2)]
        rest = [Span(pair[0].start, pair[-1].end) for pair in pairs]
    while len(rest) > most:
        index = min(range(len(rest) - 1), key=lambda i: rest[i + 1].end - rest[i].start)
        rest[index : index + 2] = [Span(rest[index].start, rest[index + 1].end)]
    return tuple(rest)


def trimmed(text: str, start: int, end: int) -> Span | None:
    """The part from start to end without white space around it; None if nothing is left."""
    part = text[start:end]
    if not part.strip():
        return None
    first = start + len(part) - len(part.lstrip())
    return Span(first, first + len(part.strip()))


def _library_ends(text: str, language: str) -> Iterator[int]:
    """Where the library ends a segment. One that does not give the text back would shift every offset."""
    segments = sentencex.segment(language, _SURROGATE.sub("\ufffd", text))
    if sum(map(len, segments)) == len(text):
        yield from itertools.accumulate(map(len, segments))


def _corrected(text: str, end: int) -> int:
    """The end after marks that close the sentence, before those that open the next, not inside of one character."""
    if hanging := _HANGING_MARKS.search(text, 0, end):
        end = hanging.start()
    while 0 < end < len(text) and (
        _is_joined(text[end]) or (text[end] in _MARKS and not text[end - 1].isspace())
    ):
        end += 1
    return end


def _is_joined(character: str) -> bool:
    return unicodedata.combining(character) != 0 or character in _JOINERS


def _is_abbreviation(text: str, end: int, language: str) -> bool:
    """Whether the text before `end` closes with an abbreviation, so that the sentence goes on."""
    word = _LAST_WORD.search(text[max(0, end - 40) : end])
    following = text[len(text[:end].rstrip()) :]
    goes_on = following.strip() != "" and not _BLANK_LINE.match(following.lstrip(" \t\r"))
    return bool(word and goes_on and word[1].casefold() in _table("abbreviations").get(language, ()))


def _with_words(text: str, spans: Sequence[Span]) -> list[Span]:
    """Spans without a letter or digit joined to the one before, a first one to the one after."""
    joined: list[Span] = []
    for span in spans:
        has_words = any(character.isalnum() for character in text[span.start : span.end])
        before_has = bool(joined) and any(c.isalnum() for c in text[joined[-1].start : joined[-1].end])
        if joined and not (has_words and before_has):
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined


def _begins_group(text: str, before: Span, token: Span, small: frozenset[str]) -> bool:
    if text[before.end - 1] in _ENDS_GROUP:
        return True
    return _bare(text, token) in small and _bare(text, before) not in small


def _bare(text: str, token: Span) -> str:
    return text[token.start : token.end].strip(_MARKS + ".,;:!?\u2026").casefold()


def _characters(text: str, token: Span) -> Iterator[Span]:
    """The characters of a run without spaces, each with its marks; a short run or one of another script stays whole."""
    run = text[token.start : token.end]
    letters = sum(unicodedata.category(character) == "Lo" for character in run)
    if len(run) < _FEWEST_CHARACTERS or letters * 2 < len(run):
        yield token
        return
    starts = [token.start + i for i, character in enumerate(run) if i == 0 or character.isalnum()]
    starts = [start for start in starts if start == token.start or not _is_joined(text[start])]
    for start, end in itertools.pairwise((*starts, token.end)):
        yield Span(start, end)


@functools.cache
def _table(name: str) -> dict[str, frozenset[str]]:
    """One table of language.yaml: words by language."""
    content: dict[str, Any] = yaml.safe_load(
        Path(__file__).with_name("language.yaml").read_text(encoding="utf-8")
    )
    return {language: frozenset(words.split()) for language, words in content[name].items()}
