"""The verdict reader over random labels: any script, shared beginnings, words in pieces of any size."""
# ruff: noqa: RUF001 - words of several scripts are what is tested

import math
import re
from unicodedata import normalize

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signalbox.contracts.labels import NEUTRAL
from signalbox.errors import InputError
from signalbox.models.engines import ENGINES
from signalbox.models.verdict import Position, read_verdict, split_justification, stated_verdict, steps
from signalbox.tasks.checks import check_forms
from signalbox.tasks.forms import form_key

COUNTS = st.sampled_from([2, 3, 20])
BEGINNINGS = st.sampled_from(
    ["", "", "", "N", "Soft", "Netz ", "Netz/", "Über-", "E-", "קו ", "No", "\u00bf", "„"]
)
ENDS = st.text("aeÄöüßÉI tT0159/-'’é\u05b8שלוםنعم是не+#", min_size=1, max_size=7)
LEADS = st.sampled_from(["", "", " ", "\n", "**", '"', "„", "- ", "(", "`", "\u200f", "「"])
AFTER = st.sampled_from([". ", ".\n", ": ", "** ", '" ', "). ", "\n", "! ", " – ", "; "])
CASES = st.sampled_from([str, str.upper, str.lower, str.swapcase])


@st.composite
def label_sets(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """A word for each of 2, 3 or 20 labels, as a task may have them."""
    count = draw(COUNTS)
    word = st.builds(lambda start, end: f"{start}{end}".strip(), BEGINNINGS, ENDS).filter(form_key)
    words = draw(st.lists(word, min_size=count, max_size=count, unique_by=form_key))
    labels = {f"label {number}": (word,) for number, word in enumerate(words)}
    try:
        check_forms("de", labels, max_answer_tokens=48)
    except InputError:
        assume(False)
    return labels


@st.composite
def answers(draw: st.DrawFn) -> tuple[dict[str, tuple[str, ...]], str, str]:
    """Labels, one of them, and an answer that states it in some surface form."""
    labels = draw(label_sets())
    label = draw(st.sampled_from(sorted(labels)))
    word = draw(CASES)(labels[label][0])
    # Models write the composed form: a token never ends between a letter and its accent.
    return labels, label, normalize("NFC", f"{draw(LEADS)}{word}{draw(AFTER)}Qqq wegen qq")


def split(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=len(text))))
    return [
        text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True) if text[start:end]
    ]


def certain(tokens: list[str]) -> list[Position]:
    return [Position(token, ((token, 0.0),)) for token in tokens]


@given(answers(), st.data())
def test_a_word_in_any_pieces_is_read_as_its_label(answer, data: st.DataObject):
    labels, label, text = answer
    assert stated_verdict(text, labels) == stated_verdict(normalize("NFD", text), labels) == label
    assert split_justification(text, labels) == "Qqq wegen qq"
    reading = read_verdict(certain(split(data.draw, text)), labels)
    assert reading.probabilities == {other: float(other == label) for other in labels}
    assert reading.verdict_mass == 1.0


@given(answers())
def test_single_characters_are_enough(answer):
    labels, label, text = answer
    assert read_verdict(certain(list(text)), labels).probabilities[label] == 1.0


@given(label_sets(), st.data(), st.sampled_from("qשж9"))
def test_a_word_that_goes_on_is_not_its_label(labels, data: st.DataObject, letter: str):
    """A shorter word of another label may end before that: "Netz" in "Netz und Drucker"."""
    label = data.draw(st.sampled_from(sorted(labels)))
    text = labels[label][0] + letter
    assume(labels[label][0][-1].isalnum())
    reading, stated = read_verdict(certain([text]), labels), stated_verdict(text, labels)
    assert stated != label
    assert (reading.probabilities or {}).get(label, 0.0) == 0.0
    if stated != NEUTRAL:
        assert form_key(text).startswith(form_key(labels[stated][0]))


@given(label_sets(), st.text("aeNÄ tT01/-'שלنعم是.,;*\n", max_size=12), st.data())
def test_no_other_text_is_a_label(labels, text: str, data: st.DataObject):
    """What the text states is at its beginning, and tokens never have mass for another label than the text."""
    stated = stated_verdict(text, labels)
    if stated != NEUTRAL:
        assert form_key(text).startswith(form_key(labels[stated][0]))
    reading = read_verdict(certain(split(data.draw, text)), labels, complete=True)
    heavy = {label for label, share in (reading.probabilities or {}).items() if share > 0}
    assert stated == NEUTRAL or heavy == {stated}


@given(label_sets(), st.data())
def test_alternatives_are_weighed_for_each_label(labels, data: st.DataObject):
    weights = [data.draw(st.integers(1, 9)) for _ in labels]
    total = sum(weights) + 1
    tokens = [f"{words[0]}." for words in labels.values()]
    position = Position(
        tokens[0],
        (*((t, math.log(w / total)) for t, w in zip(tokens, weights, strict=True)), ("Qq", -math.log(total))),
    )
    reading = read_verdict([position], labels)
    assert reading.verdict_mass == pytest.approx(1 - 1 / total)
    shares = [weight / (total - 1) for weight in weights]
    assert list(reading.probabilities.values()) == pytest.approx(shares)


@given(label_sets(), st.data())
def test_a_constrained_answer_states_a_label(labels, data: st.DataObject):
    """Whatever the expression admits, and it admits each word with a reason."""
    words = [word for (word,) in labels.values()]
    regex = ENGINES["vllm"].constraint(words)["structured_outputs"]["regex"]
    assert all(re.fullmatch(regex, f"{word}. Because") for word in words)
    text = data.draw(st.from_regex(regex, fullmatch=True))
    assume(not re.search(r"\s[/|&+]", text))  # another label may follow: "Netz / E-Mail" states neither
    assert stated_verdict(text, labels) != NEUTRAL


@given(label_sets())
def test_the_tokens_looked_at_are_enough_for_the_words(labels):
    keys = [form_key(word) for (word,) in labels.values()]
    for length in range(1, steps(labels) - 3):
        if len({key[:length] for key in keys}) == len(keys):
            return
    pytest.fail(f"{steps(labels)} tokens do not tell {keys} apart")
