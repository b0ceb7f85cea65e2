"""Which label the beginning of an answer states, and whether more text would change that: pure, and never a guess.

A form is what an answer may begin with: a word of a label, or its letter. A text states a label when, after whitespace,
quotes and markup, it starts with one of its forms that ends there ("No." does; "Not", "Yesterday", "Yes-man" do not).
Case, normal form, the kind of apostrophe, hyphen or space, and quotes or periods around the form do not count.

- The longest form counts: "No objection" is not "No".
- "Yes/No" and "yes and no" state nothing.
- A form of one character needs a delimiter: "A. Because" and "A: because" state A, "A person called" and "A.M." do not.
- A number ends neither before another digit nor before a decimal mark: "1.5" is not "1".
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from signalbox.contracts.labels import NEUTRAL, Verdict

Words = Mapping[str, Sequence[str]]
_Frozen = tuple[tuple[str, tuple[str, ...]], ...]

# Markdown, brackets, dashes of a list, quotes, characters of no width or direction. Not "~": struck out is unsaid.
_QUOTES = "\"'`\u00b4\u00ab\u00bb\u2039\u203a\u201e\u201c\u201d\u201a\u2018\u2019\u300c\u300d\u300e\u300f"
_INVISIBLE = "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_MARKUP = re.escape(_QUOTES + "*_#>([{-\u2013\u2014\u2022\u00b7\u00a1\u00bf\u3010") + _INVISIBLE
_PUNCTUATION = re.escape(
    ".,:;!?)]}\u2026\u060c\u061b\u061f\u06d4\u3001\u3002\uff0c\uff1a\uff1b\uff01\uff1f\uff09\u3011"
)
_TAGS = "b|strong|i|em|u|p|div|span|code|mark|br"
_LEADING = re.compile(rf"(?:[\s{_MARKUP}]|<(?:{_TAGS})\s*/?>)*", re.IGNORECASE)
_PARTIAL_TAG = re.compile(r"<[a-z]{0,6}\s?/?", re.IGNORECASE)
_TRAILING = re.compile(rf"(?:[\s{_MARKUP}{_PUNCTUATION}]|</?(?:{_TAGS})\s*/?>)*", re.IGNORECASE)
# What may close a form in task.yaml without being part of it. Not "#": C# is not C.
_CLOSING = re.compile(rf"[\s{_PUNCTUATION}{re.escape(_QUOTES)}*_>{_INVISIBLE}]*$")

# Characters that people do not tell apart. One for one, so that lengths stay.
_ALIKE = str.maketrans(
    "\u2018\u2019\u02bc\u00b4\u2010\u2011\u00a0\u2007\u2009\u202f\u3000", "''''--" + " " * 5
)
_LONGER_FOLDS = {"s": "\u00df\u1e9e"}  # ß and ẞ fold to ss
# Between two letters they make one word: "Yes-man", "Ja/Nein", and the joiners of Hebrew and Persian.
_JOINERS = "-/'_|\u05be\u200c\u200d"
_DECIMAL_MARKS = ".,:"
_AND_OR = "and|or|und|oder|et|ou|y|o|e|en|of"  # English, German, French, Spanish, Italian, Dutch
_CONJUNCTION = re.compile(rf"\s*(?:[/|&+]|,?\s*(?:{_AND_OR})\s)\s*")
_ENUMERATION = re.compile(rf"\s*(?:[,/|&+]|,?\s*(?:{_AND_OR})\s)\s*")
# What ends a form of one character, at once or after a space.
_DELIMITER = re.compile(
    rf"[<*>\n\r{_PUNCTUATION}{re.escape(_QUOTES)}{_INVISIBLE}]|[ \t]+[-\u2013\u2014:=)\]\n\r\u2192]"
)


class State(Enum):
    """How far a text has come that begins an answer."""

    BLANK = auto()  # nothing but whitespace and markup yet
    PREFIX = auto()  # may become a form
    OPEN = auto()  # is a form that may go on
    CLOSED = auto()  # is a form that has ended
    OTHER = auto()


class _End(Enum):
    NO = auto()
    OPEN = auto()  # the next character decides
    YES = auto()


@dataclass(frozen=True)
class Beginning:
    """What a text says that may go on, what it states if it ends here, and the length of the form as it is folded."""

    state: State
    speaks_for: Verdict = NEUTRAL  # NEUTRAL while forms of several labels are possible
    stated: Verdict = NEUTRAL
    length: int = 0


_OTHER = Beginning(State.OTHER)


def stated_verdict(text: str, words: Words) -> Verdict:
    """The label whose form the whole text begins with; NEUTRAL when it begins with none."""
    return beginning(text, words).stated


def split_justification(text: str, words: Words) -> str:
    """The text after its form, without the punctuation between; the whole text when neutral."""
    visible = unicodedata.normalize("NFC", text)
    start_of = beginning(visible, words)
    if start_of.stated == NEUTRAL:
        return visible.strip()
    start = end = _lead(visible)
    # Case folding changes lengths ("ß"), so the form's end is looked for in the text as written.
    while len(_fold(visible[start:end])) < start_of.length:
        end += 1
    rest = _TRAILING.match(visible, end)
    return visible[rest.end() if rest else end :].strip()


def beginning(text: str, words: Words) -> Beginning:
    """The state of a text that begins an answer."""
    visible, bytes_after = _decoded(text)
    plain = unicodedata.normalize("NFC", visible)
    rest, forms = _fold(plain[_lead(plain) :]), _forms(words)
    longer = {
        label
        for form, label in forms.items()
        if form != rest and form.startswith(rest) and _may_start(form[len(rest)], bytes_after)
    }
    ahead = longer.copy().pop() if len(longer) == 1 else NEUTRAL
    if not rest and bytes_after and longer:
        return Beginning(State.PREFIX, ahead)
    if not rest or _PARTIAL_TAG.fullmatch(rest):
        return Beginning(State.BLANK)
    ends = {form: _end(rest, form) for form in forms if rest.startswith(form)}
    form = max((form for form, end in ends.items() if end is not _End.NO), key=len, default=None)
    if form is None:
        return Beginning(State.PREFIX, ahead) if longer else _OTHER
    label = forms[form]
    if _names_both(rest, form, forms):
        return _OTHER
    if longer or ends[form] is _End.OPEN:
        return Beginning(State.OPEN, label if longer <= {label} else NEUTRAL, label, len(form))
    return Beginning(State.CLOSED, label, label, len(form))


def form_key(word: str) -> str:
    """The part of a word that is looked for: equal for words that no answer can tell apart. Empty: only markup."""
    plain = unicodedata.normalize("NFC", word)
    return _fold(_CLOSING.sub("", plain[_lead(plain) :]))


def common_beginnings(words: Words) -> Sequence[tuple[str, str, int]]:
    """For each two labels the number of characters with which forms of them begin alike, the largest number."""
    return _common_beginnings(_frozen(words))


@functools.lru_cache(maxsize=64)
def _common_beginnings(words: _Frozen) -> Sequence[tuple[str, str, int]]:
    keys = {label: [form_key(word) for word in listed] for label, listed in words}
    return tuple(
        (one, other, max(_alike(*pair) for pair in itertools.product(keys[one], keys[other])))
        for one, other in itertools.combinations(keys, 2)
    )


def decisive_characters(words: Words) -> int:
    """The number of characters after which a form is certain. A form that begins another one waits for all of it."""
    return _decisive_characters(_frozen(words))


@functools.lru_cache(maxsize=64)
def _decisive_characters(words: _Frozen) -> int:
    forms = _folded(words)
    pairs = [pair for pair in itertools.combinations(forms, 2) if forms[pair[0]] != forms[pair[1]]]
    alike = [(_alike(*pair), *sorted(map(len, pair))) for pair in pairs]
    return max((longer if same == shorter else same + 1 for same, shorter, longer in alike), default=1)


def _alike(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _forms(words: Words) -> Mapping[str, str]:
    return _folded(_frozen(words))


@functools.lru_cache(maxsize=64)
def _folded(words: _Frozen) -> Mapping[str, str]:
    """Label by form."""
    return {key: label for label, listed in words for word in listed if (key := form_key(word))}


def _frozen(words: Words) -> _Frozen:
    return tuple((label, tuple(listed)) for label, listed in words.items())


def _names_both(rest: str, form: str, forms: Mapping[str, str]) -> bool:
    """Whether a form of another label is joined on: "yes or no", "Ja/Nein", "A, B"."""
    joined = (_ENUMERATION if len(form) == 1 else _CONJUNCTION).match(rest, len(form))
    if joined is None:
        return False
    after = rest[joined.end() :]
    return any(
        label != forms[form] and after.startswith(other) and _end_of_list(after, other) is not _End.NO
        for other, label in forms.items()
    )


def _end_of_list(rest: str, form: str) -> _End:
    """Like `_end`, and a list of letters may go on: "A, B and C"."""
    goes_on = len(form) == 1 and _ENUMERATION.match(rest, 1)
    return _End.YES if goes_on else _end(rest, form)


def _end(rest: str, form: str) -> _End:
    """Whether the form ends here: no letter, digit or mark goes on, nor a joiner with one."""
    tail = rest[len(form) :]
    if not tail:
        return _End.OPEN
    if _continues(tail[0]):
        return _End.NO
    if tail[0] in _JOINERS:
        return _end_after(tail, _continues)
    if tail[0] in _DECIMAL_MARKS and form[-1].isdigit():
        return _end_after(tail, str.isdigit)
    if len(form) > 1:
        return _End.YES
    if tail[0] == ".":
        return _end_after(tail, _continues)
    if not tail.strip(" \t"):
        return _End.OPEN
    return _End.YES if _DELIMITER.match(tail) else _End.NO


def _end_after(tail: str, goes_on: Callable[[str], bool]) -> _End:
    if len(tail) == 1:
        return _End.OPEN
    return _End.NO if goes_on(tail[1]) else _End.YES


def _continues(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def _lead(plain: str) -> int:
    lead = _LEADING.match(plain)
    return lead.end() if lead else 0


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFC", text).translate(_ALIKE)
    return unicodedata.normalize("NFC", plain.casefold())


def _decoded(text: str) -> tuple[str, bytes]:
    """The text, and the bytes at its end that are no whole character: tokens may be pieces of one."""
    if text.isascii():
        return text, b""
    try:
        raw = text.encode("utf-8", "surrogateescape")
        return raw.decode("utf-8"), b""
    except UnicodeEncodeError:  # half an emoji, as JSON escapes it
        return text, b""
    except UnicodeDecodeError as error:
        if error.end < len(raw):
            return raw.decode("utf-8", "replace"), b""
        return raw[: error.start].decode("utf-8", "replace"), raw[error.start :]


def _may_start(character: str, first_bytes: bytes) -> bool:
    """Whether a character that folds to this one, or to more that begin with it, has these first bytes."""
    as_written = (character, character.upper(), *_LONGER_FOLDS.get(character, ""))
    return any(case.encode("utf-8").startswith(first_bytes) for case in as_written)
