"""From a decoder's answer to a verdict and the probabilities of the labels: pure, and never a guess.

The rule. A text states a verdict when, after whitespace, quotes and markup, it starts with a verdict word
that ends there ("No." does; "Not", "Yesterday", "Jain", "Yes-man" do not). "Yes/No" and "yes and no" state
none. The probabilities weigh all surface forms of the verdict words among the first token's alternatives:

- a token that reads as a verdict word counts for its label, whatever its case, space, quotes, punctuation;
- a token that is a proper prefix of a verdict word ("N" of "Nein") counts only if no word of another
  label starts with it;
- where the model's own token is not decisive (whitespace, markup, a prefix, a word that may go on), its
  probability is split by the alternatives that follow it. What follows the others is not known: their
  whitespace and markup count for nobody, their prefixes and words count as they stand;
- everything else is mass outside: a label's probability is its share of verdict_mass, the sum over the labels.
"""

from __future__ import annotations

import functools
import math
import operator
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from signalbox.contracts.labels import NEUTRAL, LabelProbabilities, Verdict, normalized, p_yes_of

Words = Mapping[str, Sequence[str]]

MAXIMUM_STEPS = 8  # Tokens looked at: quotes, markup and a word in pieces need fewer.
_ALIGNED_CHARACTERS = 24
_SPECIAL = re.compile(r"<\|[^<>|]*\|>|</?s>")

# How tokenizers show a space, a newline and a tab at the start of a token.
_TOKENIZER_MARKS = str.maketrans({"▁": " ", "Ġ": " ", "Ċ": "\n", "ĉ": "\t"})
# Markdown, brackets, dashes of a list, quotes, characters of no width. Not "~": struck out is unsaid.
_QUOTES = "\"'`\u00b4\u00ab\u00bb\u2039\u203a\u201e\u201c\u201d\u201a\u2018\u2019"
_MARKUP = _QUOTES + "*_#>([{-\u2013\u2014\u2022\u00b7\u200b\u200e\ufeff\u2060"
_TAGS = "b|strong|i|em|u|p|div|span|code|mark|br"
_LEADING = re.compile(rf"(?:[\s{re.escape(_MARKUP)}]|<(?:{_TAGS})\s*/?>)*", re.IGNORECASE)
_PARTIAL_TAG = re.compile(r"<[a-z]{0,6}\s?/?", re.IGNORECASE)
_TRAILING = re.compile(rf"(?:[\s{re.escape(_MARKUP)}.,:;!?)\]}}]|</?(?:{_TAGS})\s*/?>)*", re.IGNORECASE)
_JOINERS = "-/\u2010\u2011'\u2019_|"  # Between two letters they make one word: "Yes-man", "Ja/Nein".
_CONJUNCTION = r"\s*(?:[/|]|,?\s*(?:and|or|und|oder)\s)\s*"


@dataclass(frozen=True)
class Position:
    """One generated token and the (token, log-probability) pairs that were possible in its place."""

    token: str
    alternatives: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Reading:
    """The labels' shares of the probability on verdict words, and its sum. None: there is nothing on them."""

    probabilities: LabelProbabilities | None
    verdict_mass: float

    @property
    def p_yes(self) -> float | None:
        """p(yes), where the labels are yes and no."""
        return p_yes_of(self.probabilities)


# Mass on each label, and what is certainly on none.
_Masses = tuple[dict[str, float], float]


class _State(Enum):
    BLANK = auto()  # nothing but whitespace and markup yet
    PREFIX = auto()  # may become a verdict word
    OPEN = auto()  # is a verdict word that may go on
    CLOSED = auto()  # is a verdict word that has ended
    OTHER = auto()


def stated_verdict(text: str, words: Words) -> Verdict:
    """The verdict of the text's first word; NEUTRAL when it is no verdict word."""
    state, verdict, _ = _classify(text, words)
    return verdict if state in (_State.OPEN, _State.CLOSED) else NEUTRAL


def split_justification(text: str, words: Words) -> str:
    """The text after its verdict word, without the punctuation between; the whole text when neutral."""
    visible = unicodedata.normalize("NFC", text)
    if stated_verdict(visible, words) == NEUTRAL:
        return visible.strip()
    lead = _LEADING.match(visible)
    start = lead.end() if lead else 0
    # Case folding changes lengths ("ß"), so the word's end is looked for in the text as written.
    _, _, folded_length = _classify(visible, words)
    end = start
    while len(_fold(visible[start:end])) < folded_length:
        end += 1
    rest = _TRAILING.match(visible, end)
    return visible[rest.end() if rest else end :].strip()


def read_verdict(positions: Sequence[Position], words: Words) -> Reading:
    """The probabilities and the verdict mass from the alternatives of the answer's first tokens."""
    masses, _ = _walk(positions[:MAXIMUM_STEPS], "", words)
    return Reading(*normalized({label: min(mass, 1.0) for label, mass in masses.items()}))


def is_readable(positions: Sequence[Position], text: str) -> bool:
    """Whether a streamed answer has come far enough: more of it would not change the verdict and its probabilities."""
    far_enough = len(text.strip()) >= _ALIGNED_CHARACTERS
    return far_enough and len(answer_positions(positions, text)) >= MAXIMUM_STEPS


def answer_positions(positions: Sequence[Position], text: str) -> Sequence[Position]:
    """The positions from where `text` begins: a reasoning model's thoughts come before its answer.

    None of them when the text is nowhere in them: a verdict must not be read from another place.
    """
    start = re.split(r"[^\x21-\x7e\s]", text.strip()[:_ALIGNED_CHARACTERS])[0].strip()
    generation = _joined(positions).lstrip()
    if generation and start.startswith(generation[: len(start)]):
        return positions
    for index, position in enumerate(positions):
        window = positions[index : index + 2 * _ALIGNED_CHARACTERS]
        if position.token.strip() and _joined(window).lstrip().startswith(start):
            return positions[index:]
    return ()


def _walk(positions: Sequence[Position], before: str, words: Words) -> _Masses:
    """Mass on each label and on what is certainly none, after the text `before`."""
    if not positions:
        return _credit(NEUTRAL, 0.0, words)
    parts = [
        _weigh(positions, before, token, probability, words)
        for token, probability in _distribution(positions[0])
    ]
    # fsum: the result must not depend on the order in which an engine lists its alternatives.
    masses = {label: math.fsum(mass[label] for mass, _ in parts) for label in words}
    return masses, math.fsum(outside for _, outside in parts)


def _weigh(
    positions: Sequence[Position], before: str, token: str, probability: float, words: Words
) -> _Masses:
    state, verdict, _ = _classify(before + token, words)
    if state is _State.OTHER:
        return _credit(NEUTRAL, 0.0, words)[0], probability
    following = positions[1:]
    undecided = state is not _State.CLOSED and token != "" and token == _plain(positions[0].token)
    if not (undecided and following and following[0].alternatives):
        return _credit(verdict, probability, words)
    shares, share_outside = _walk(following, before + token, words)
    masses = {label: probability * share for label, share in shares.items()}
    outside = probability * share_outside
    if state is _State.OPEN and verdict != NEUTRAL:
        # A whole word counts unless a listed alternative continues it; the rest of its probability stays with it.
        rest = functools.reduce(operator.sub, (*masses.values(), outside), probability)
        masses[verdict] += max(0.0, rest)
    return masses, outside


def _credit(verdict: Verdict, probability: float, words: Words) -> _Masses:
    return {label: probability if label == verdict else 0.0 for label in words}, 0.0


def _distribution(position: Position) -> list[tuple[str, float]]:
    """Alternatives with probabilities; what is no log-probability is left out."""
    return [
        (_plain(token), min(1.0, math.exp(min(0.0, logprob))))
        for token, logprob in position.alternatives
        if not math.isnan(logprob)
    ]


def _classify(text: str, words: Words) -> tuple[_State, Verdict, int]:
    """State of a text that begins an answer, whose label it speaks for, and the folded word's length."""
    plain = unicodedata.normalize("NFC", text)
    lead = _LEADING.match(plain)
    rest = _fold(plain[lead.end() :] if lead else plain)
    if not rest or _PARTIAL_TAG.fullmatch(rest):
        return _State.BLANK, NEUTRAL, 0
    forms = {_fold(word): label for label, listed in words.items() for word in listed}
    longer = {verdict for word, verdict in forms.items() if word != rest and word.startswith(rest)}
    whole = [word for word in forms if rest.startswith(word) and _ends(rest, len(word))]
    if whole:
        word = max(whole, key=len)
        verdict = forms[word]
        if len(word) < len(rest):
            if _names_both(rest[len(word) :], verdict, forms):
                return _State.OTHER, NEUTRAL, 0
            return _State.CLOSED, verdict, len(word)
        # Whole, but another label has a longer word that starts so: the tokens that follow decide.
        return _State.OPEN, verdict if longer <= {verdict} else NEUTRAL, len(word)
    if longer:
        return _State.PREFIX, longer.pop() if len(longer) == 1 else NEUTRAL, 0
    return _State.OTHER, NEUTRAL, 0


def _names_both(after: str, verdict: Verdict, forms: Mapping[str, Verdict]) -> bool:
    """Whether the word of another label is joined on: "yes or no", "Ja/Nein"."""
    joined = re.match(_CONJUNCTION, after)
    if joined is None:
        return False
    rest = after[joined.end() :]
    return any(
        other != verdict and rest.startswith(word) and _ends(rest, len(word)) for word, other in forms.items()
    )


def _ends(text: str, end: int) -> bool:
    """Whether a word ends at this place: no letter, digit or mark goes on, nor a joiner with one."""
    following = text[end : end + 2]
    if not following:
        return True
    if _continues(following[0]):
        return False
    if following[0] in "/|":
        return not _continues(following[1:])
    return not (following[0] in _JOINERS and _continues(following[1:]))


def _continues(character: str) -> bool:
    return bool(character) and (character.isalnum() or unicodedata.category(character)[0] == "M")


def _plain(token: str) -> str:
    return token.translate(_TOKENIZER_MARKS)


def _joined(positions: Sequence[Position]) -> str:
    """The text of tokens, as a message shows it: without the special tokens of a chat template."""
    return _SPECIAL.sub("", _plain("".join(position.token for position in positions)))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
