"""What is left out to measure the evidence of an answer: the parts of the input, and the input without them. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from signalbox.contracts.evidence import EvidenceUnit
from signalbox.evidence.spans import Span, merged, sentences, word_groups

# Inputs of one request to an encoder. More sentences are joined with their neighbors.
ENCODER_PARTS = 64
NO_SPAN = Span(0, 0)  # of a part of the context
# Word groups of a single sentence. More of them are single words, which say little.
_MOST_WORD_GROUPS = 12


@dataclass(frozen=True)
class Question:
    """What a model reads: a text, and the passages of its context."""

    text: str
    context: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """A part of a question that can be left out: a span of the text, or passages of the context by position."""

    unit: EvidenceUnit
    span: Span = NO_SPAN
    passages: tuple[int, ...] = ()


def parts_of(question: Question, language: str, most: int) -> tuple[Part, ...]:
    """At most `most` parts of a question, passages first; none if nothing can be left out.

    A text of several sentences is split into them, and a single sentence into word groups. With a context, a single
    sentence stays whole: without it the passages have nothing to speak to.
    """
    spans = sentences(question.text, language)
    if not question.context:
        return _of_text(question.text, spans, language, most)
    for_text = min(len(spans), most // 2) if len(spans) > 1 else 0
    passages = _of_context(len(question.context), most - for_text)
    for_text = most - len(passages)
    return (*passages, *(_joined(spans, for_text) if len(spans) > 1 and for_text > 1 else ()))


def without(question: Question, parts: Collection[Part]) -> Question:
    """The question without some of its parts. What is before the first one is unchanged, which a prefix cache uses."""
    text = question.text
    for span in sorted((part.span for part in parts if not part.passages), reverse=True):
        text = _cut(text, span)
    left_out = {index for part in parts for index in part.passages}
    context = tuple(passage for index, passage in enumerate(question.context) if index not in left_out)
    return replace(question, text=text.strip(), context=context)


def call_order(parts: Sequence[Part]) -> list[int]:
    """The order in which to leave out parts, one at a time: the last part of the prompt first.

    Each prompt then has the longest beginning in common with the one before it. Passages come before the text in it.
    """
    keys = [(not part.passages, part.passages, part.span) for part in parts]
    return sorted(range(len(parts)), key=keys.__getitem__, reverse=True)


def _of_text(text: str, spans: Sequence[Span], language: str, most: int) -> tuple[Part, ...]:
    if len(spans) == 1:
        groups = merged(word_groups(text, spans[0], language), min(most, _MOST_WORD_GROUPS))
        parts = tuple(Part("words", span) for span in groups)
    else:
        parts = _joined(spans, most)
    return parts if len(parts) > 1 else ()


def _joined(spans: Sequence[Span], most: int) -> tuple[Part, ...]:
    whole = set(spans)
    return tuple(Part("sentence" if span in whole else "sentences", span) for span in merged(spans, most))


def _of_context(count: int, most: int) -> tuple[Part, ...]:
    """Passages by position; neighbors together where there are more than `most`."""
    groups = min(count, max(1, most))
    ends = [count * number // groups for number in range(groups + 1)]
    return tuple(
        Part("passage" if end - start == 1 else "passages", passages=tuple(range(start, end)))
        for start, end in itertools.pairwise(ends)
    )


def _cut(text: str, span: Span) -> str:
    before, after = text[: span.start], text[span.end :]
    return before + (after.lstrip() if not before or before[-1].isspace() else after)
