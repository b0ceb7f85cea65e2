"""From a decoder's answer to the probabilities of the labels: pure, and never a guess.

Which label a text states is decided in `signalbox.tasks.forms`. The probabilities weigh all surface forms of the verdict
words among the first token's alternatives:

- a token that reads as a verdict word counts for its label, whatever its case, space, quotes, punctuation;
- a token that is a proper prefix of a verdict word ("N" of "Nein") counts only if no word of another
  label starts with it;
- where the model's own token is not decisive (whitespace, markup, a prefix, a word that may go on), its
  probability is split by the alternatives that follow it. What follows the others is not known: their
  whitespace and markup count for nobody, their prefixes and words count as they stand;
- as many tokens are looked at as the words need if each token has one character, and at least eight;
- everything else is mass outside: a label's probability is its share of verdict_mass, the sum over the labels.
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.contracts.labels import NEUTRAL, LabelProbabilities, Verdict, normalized, p_yes_of
from signalbox.tasks.forms import (
    State,
    Words,
    beginning,
    decisive_characters,
    split_justification,
    stated_verdict,
)

_FEWEST_STEPS = 8  # Tokens looked at: quotes, markup and a word in pieces mostly need fewer.
_LEAD_STEPS = 4  # of them for quotes and markup around the word, where words begin alike for long
_ALIGNED_CHARACTERS = 24
_SPECIAL = re.compile(r"<\|[^<>|]*\|>|</?s>")

# How tokenizers show a space, a newline and a tab at the start of a token.
_TOKENIZER_MARKS = str.maketrans({"▁": " ", "Ġ": " ", "Ċ": "\n", "ĉ": "\t"})


__all__ = [
    "Position",
    "Reading",
    "Words",
    "answer_positions",
    "is_readable",
    "read_verdict",
    "split_justification",
    "stated_verdict",
    "steps",
    "tokens_to_verdict",
]


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


def steps(words: Words) -> int:
    """The number of tokens that are looked at."""
    return max(_FEWEST_STEPS, _LEAD_STEPS + decisive_characters(words))


def read_verdict(positions: Sequence[Position], words: Words, *, complete: bool = False) -> Reading:
    """The probabilities and the verdict mass from the alternatives of the answer's first tokens.

    `complete`: the model ended the answer after the last position, so that no word goes on there.
    """
    limit = steps(words)
    ended = (Position("", (("", 0.0),)),) if complete and len(positions) < limit else ()
    masses, _ = _walk((*positions[:limit], *ended), "", words)
    return Reading(*normalized({label: min(mass, 1.0) for label, mass in masses.items()}))


def is_readable(positions: Sequence[Position], text: str, words: Words) -> bool:
    """Whether a streamed answer has come far enough: more of it would not change the verdict and its probabilities."""
    if len(text.strip()) < _ALIGNED_CHARACTERS:
        return False
    answer = answer_positions(positions, text)
    if len(answer) < _FEWEST_STEPS:
        return False
    start = beginning(_plain("".join(position.token for position in answer)), words)
    return len(answer) >= steps(words) or start.state in {State.CLOSED, State.OTHER}


def tokens_to_verdict(positions: Sequence[Position], text: str, words: Words, *, ended: bool) -> int | None:
    """The number of tokens that settle an answer's verdict and probabilities; None if these tokens do not.

    `ended`: the model ended the answer. None also where `text` does not begin with the first token, such as after the
    thoughts of a reasoning model.
    """
    if not _joined(positions).strip() or _joined(positions).strip() != text.strip():
        return None
    before = ""
    for count, position in enumerate(positions, 1):
        before += _plain(position.token)
        if beginning(before, words).state in {State.CLOSED, State.OTHER}:
            return count
    return len(positions) + 1 if ended or len(positions) >= steps(words) else None


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
    start = beginning(before + token, words)
    if start.state is State.OTHER:
        return _credit(NEUTRAL, 0.0, words)[0], probability
    verdict, following = start.speaks_for, positions[1:]
    if token == "" and start.stated != NEUTRAL:  # the end: no longer word follows
        return _credit(start.stated, probability, words)
    undecided = start.state is not State.CLOSED and token != "" and token == _plain(positions[0].token)
    if not (undecided and following and following[0].alternatives):
        return _credit(verdict, probability, words)
    shares, share_outside = _walk(following, before + token, words)
    masses = {label: probability * share for label, share in shares.items()}
    outside = probability * share_outside
    if start.state is State.OPEN and verdict != NEUTRAL:
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


def _plain(token: str) -> str:
    return token.translate(_TOKENIZER_MARKS)


def _joined(positions: Sequence[Position]) -> str:
    """The text of tokens, as a message shows it: without the special tokens of a chat template."""
    return _SPECIAL.sub("", _plain("".join(position.token for position in positions)))
