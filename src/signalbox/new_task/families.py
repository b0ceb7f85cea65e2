"""Families: texts that are nearly the same, so that they get into one split together. Pure.

Two texts belong together where they share at least `SIMILARITY` of their different words (Jaccard similarity); digits
do not count, as tickets and letters differ in numbers. Families are the connected groups. The search compares only texts
that share one of their rarest words: two sets of that similarity cannot differ in all of those.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

SIMILARITY = 0.7
_ROUNDING = 1e-9  # 0.7 is no binary number: 7 of 10 words must count, whatever the product's last bit is

_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"\d+")
_LONG_WORD = 20  # A script without spaces: its texts are compared by pairs of characters.


def families_of(texts: Sequence[str], names: Sequence[str | None]) -> list[int]:
    """For each text the index of the first text of its family. Texts with the same name are a family, too."""
    roots = list(range(len(texts)))
    by_name: dict[str, int] = {}
    for index, name in enumerate(names):
        if name is not None:
            _join(roots, by_name.setdefault(name, index), index)
    # Texts of equal words first: a log with thousands of them would be compared pair by pair.
    by_words: dict[frozenset[str], int] = {}
    for index, text in enumerate(texts):
        _join(roots, by_words.setdefault(_words(text), index), index)
    for first, second in _similar(list(by_words)):
        _join(roots, by_words[first], by_words[second])
    return [_root(roots, index) for index in range(len(texts))]


def _similar(sets: Sequence[frozenset[str]]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Pairs of similar sets."""
    frequency = Counter(word for words in sets for word in words)
    index: dict[str, list[int]] = defaultdict(list)
    pairs = []
    for number, words in sorted(enumerate(sets), key=lambda item: len(item[1])):
        rarest_first = sorted(words, key=lambda word: (frequency[word], word))
        prefix = rarest_first[: len(words) - math.ceil(SIMILARITY * len(words) - _ROUNDING) + 1]
        candidates = {other for word in prefix for other in index[word]}
        pairs += [(sets[other], words) for other in sorted(candidates) if _is_similar(sets[other], words)]
        for word in prefix:
            index[word].append(number)
    return pairs


def _is_similar(first: frozenset[str], second: frozenset[str]) -> bool:
    common = len(first & second)
    return common >= SIMILARITY * (len(first) + len(second) - common) - _ROUNDING


def _words(text: str) -> frozenset[str]:
    words = _WORD.findall(_DIGITS.sub("0", text.casefold()))
    if any(len(word) > _LONG_WORD and not word.isascii() for word in words) and len(words) < 4:
        return frozenset(word[start : start + 2] for word in words for start in range(max(1, len(word) - 1)))
    return frozenset(words or [text])


def _root(roots: list[int], index: int) -> int:
    while roots[index] != index:
        roots[index] = roots[roots[index]]
        index = roots[index]
    return index


def _join(roots: list[int], first: int, second: int) -> None:
    low, high = sorted((_root(roots, first), _root(roots, second)))
    roots[high] = low
