"""The language of a text from its most frequent small words. Pure; no model and no network."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import resources

import yaml

from signalbox.errors import InputError

_WORD = re.compile(r"[^\W\d_]+")
# A language of fewer texts than both is taken for chance.
_FEWEST_TEXTS, _SMALLEST_SHARE = 10, 0.05
_SMALLEST_EVIDENCE = 0.5


@functools.cache
def stop_words() -> Mapping[str, frozenset[str]]:
    """The small words of each language that is recognized."""
    text = resources.files(__package__).joinpath("stop_words.yaml").read_text(encoding="utf-8")
    return {code: frozenset(words.split()) for code, words in yaml.safe_load(text).items()}


def language_of(text: str) -> str | None:
    """The language whose small words the text has most of; None where no language is ahead."""
    words = [word.casefold() for word in _WORD.findall(text)]
    counts = Counter({code: sum(word in known for word in words) for code, known in stop_words().items()})
    (best, most), (_, second) = counts.most_common(2)
    return best if most > second else None


def languages_of(texts: Sequence[str], path: object) -> tuple[list[str], str | None]:
    """The language of each text, and a note where some texts were counted to the most frequent language.

    Raises InputError where most texts have no language that is recognized.
    """
    each = [language_of(text) for text in texts]
    counts = Counter(code for code in each if code is not None)
    if counts.total() < _SMALLEST_EVIDENCE * len(texts):
        hint = f"Name it: --language en, or --language-column NAME. Recognized are {', '.join(stop_words())}."
        problem = f"The language is recognized in {counts.total()} of {len(texts)} texts of {path} only."
        raise InputError("--language", None, hint, problem=problem)
    main = counts.most_common(1)[0][0]
    fewest = min(_FEWEST_TEXTS, len(texts) / 3), _SMALLEST_SHARE * len(texts)
    languages = {code for code, count in counts.items() if count >= max(fewest)}
    others = Counter(code or "no recognized language" for code in each if code not in languages)
    note = None
    if others:
        what = ", ".join(f"{count} × {code}" for code, count in others.most_common())
        note = f"{others.total()} texts are counted as `{main}`, too few or too short to tell ({what})"
    return [code if code in languages and code is not None else main for code in each], note
