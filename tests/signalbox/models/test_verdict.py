"""Reading verdicts from texts and from log-probabilities."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.contracts.labels import NEUTRAL
from signalbox.models.verdict import (
    Position,
    answer_positions,
    is_readable,
    read_verdict,
    split_justification,
    stated_verdict,
    steps,
    tokens_to_verdict,
)

EN = {"yes": ("Yes",), "no": ("No",)}
DE = {"yes": ("Ja",), "no": ("Nein",)}
PHRASES = {"yes": ("Trifft zu",), "no": ("Trifft nicht zu",)}
OVERLAP = {"yes": ("No objection",), "no": ("No",)}


def position(token: str) -> Position:
    return Position(token, ((token, 0.0),))


def at(token: str, alternatives: dict[str, float]) -> Position:
    """A position from probabilities."""
    return Position(token, tuple((other, math.log(p)) for other, p in alternatives.items()))


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Yes", EN, "yes"),
        ("yes, because", EN, "yes"),
        ("YES\nbecause", EN, "yes"),
        (" \n\t Yes.", EN, "yes"),
        ("**Yes**", EN, "yes"),
        ("**Yes.** The aid", EN, "yes"),
        ("*No*: reason", EN, "no"),
        ("_No_ reason", EN, "no"),
        ("`No`", EN, "no"),
        ('"Yes" is right', EN, "yes"),
        ("\u201cNo\u201d", EN, "no"),
        ("'No.'", EN, "no"),
        ("# No", EN, "no"),
        ("- Yes", EN, "yes"),
        ("(Yes)", EN, "yes"),
        ("[No]", EN, "no"),
        ("> No", EN, "no"),
        ("<b>No</b>", EN, "no"),
        ("<strong>Yes</strong>", EN, "yes"),
        ("\ufeffYes", EN, "yes"),
        ("\u00a0No", EN, "no"),
        ("No.", EN, "no"),
        ("No!", EN, "no"),
        ("No\u2014because", EN, "no"),
        ("No - because", EN, "no"),
        ("No;", EN, "no"),
        ("No evidence", EN, "no"),
        ("Nein,", DE, "no"),
        ("NEIN", DE, "no"),
        ("\u201eNein\u201c", DE, "no"),
        ("\u00bbJa\u00ab", DE, "yes"),
        ("Ja.", DE, "yes"),
        ("ja: weil", DE, "yes"),
        ("Trifft nicht zu.", PHRASES, "no"),
        ("trifft zu, weil", PHRASES, "yes"),
        ("No objection.", OVERLAP, "yes"),
        ("No finding.", OVERLAP, "no"),
        # Neither word.
        ("", EN, "neutral"),
        ("   ", EN, "neutral"),
        ("**", EN, "neutral"),
        ("Yesterday", EN, "neutral"),
        ("Not", EN, "neutral"),
        ("Not yes", EN, "neutral"),
        ("None", EN, "neutral"),
        ("Nope", EN, "neutral"),
        ("Nothing", EN, "neutral"),
        ("Noël", EN, "neutral"),
        ("No\u0301", EN, "neutral"),
        ("N", EN, "neutral"),
        ("Ye", EN, "neutral"),
        ("Yes2", EN, "neutral"),
        ("Yes_or_no", EN, "neutral"),
        ("Yes-man", EN, "neutral"),
        ("Yes'm", EN, "neutral"),
        ("No-one", EN, "neutral"),
        ("The answer is Yes", EN, "neutral"),
        ("Answer: Yes", EN, "neutral"),
        ("1. Yes", EN, "neutral"),
        ("~~Yes~~ No", EN, "neutral"),
        ("<think>Yes", EN, "neutral"),
        ("Yes/No", EN, "neutral"),
        ("Yes / No", EN, "neutral"),
        ("Yes or No: unclear", EN, "neutral"),
        ("Yes and no.", EN, "neutral"),
        ("Yes", DE, "neutral"),
        ("No", DE, "neutral"),
        ("Jain", DE, "neutral"),
        ("Jahr", DE, "neutral"),
        ("Jawohl", DE, "neutral"),
        ("Nicht", DE, "neutral"),
        ("Neinsager", DE, "neutral"),
        ("Ja und nein", DE, "neutral"),
        ("Ja, oder nein", DE, "neutral"),
        ("Trifft", PHRASES, "neutral"),
        ("Ja", EN, "neutral"),
    ],
)
def test_stated_verdict(text, words, expected):
    assert stated_verdict(text, words) is expected


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("No. The aid is not indicated.", EN, "The aid is not indicated."),
        ("**Yes** \u2013 it is.", EN, "it is."),
        ("**No.** **Reason:** x", EN, "Reason:** x"),
        ("<b>No</b><br/>because", EN, "because"),
        ("Nein, weil Maße fehlen", DE, "weil Maße fehlen"),
        ("\u201eJa\u201c, sagt er", DE, "sagt er"),
        ("Yes", EN, ""),
        ("Perhaps. Who knows", EN, "Perhaps. Who knows"),
        ("Trifft nicht zu: Grund", PHRASES, "Grund"),
    ],
)
def test_split_justification(text, words, expected):
    assert split_justification(text, words) == expected


def test_all_surface_forms_are_summed_and_the_rest_is_outside():
    reading = read_verdict(
        [
            at(
                "Yes",
                {"Yes": 0.3, " yes": 0.1, "YES": 0.05, "**Yes": 0.05, "No.": 0.1, "▁no": 0.1, "The": 0.2},
            )
        ],
        EN,
    )
    assert reading.p_yes == pytest.approx(0.5 / 0.7)
    assert reading.verdict_mass == pytest.approx(0.7)


@pytest.mark.parametrize(
    "token", [" Yes", "▁Yes", "ĠYes", "ĊYes", "yes", "YES", '"Yes', "Yes,", "Yes\n", "*Yes*"]
)
def test_one_surface_form(token):
    reading = read_verdict([at(token, {token: 0.5, "No": 0.5})], EN)
    assert reading.p_yes == pytest.approx(0.5)
    assert reading.verdict_mass == pytest.approx(1.0)


@pytest.mark.parametrize("token", ["Not", "Yesterday", "None", "Nope", "Nothing", "x", "The", "Noë", "�"])
def test_words_that_only_begin_so_do_not_count(token):
    reading = read_verdict([at(token, {token: 0.9, "No": 0.1})], EN)
    assert (reading.p_yes, reading.verdict_mass) == (0.0, pytest.approx(0.1))


def test_an_unambiguous_prefix_counts_for_its_word():
    reading = read_verdict([at("Ja", {"Ja": 0.6, "N": 0.3})], DE)
    assert reading.p_yes == pytest.approx(2 / 3)
    assert reading.verdict_mass == pytest.approx(0.9)


def test_a_prefix_of_both_labels_counts_for_neither():
    assert read_verdict([at("Trifft", {"Trifft": 1.0})], PHRASES).p_yes is None
    words = {"yes": ("Nachvollziehbar",), "no": ("Nein",)}
    reading = read_verdict([at("Nein", {"N": 0.5, "Ne": 0.2, "Na": 0.1})], words)
    assert reading.p_yes == pytest.approx(1 / 3)
    assert reading.verdict_mass == pytest.approx(0.3)


def test_a_prefix_of_both_labels_is_resolved_by_what_follows():
    positions = [at("Trifft", {"Trifft": 0.8}), at(" nicht", {" nicht": 0.75, " zu": 0.25})]
    reading = read_verdict(positions, PHRASES)
    assert reading.p_yes == pytest.approx(0.25)
    assert reading.verdict_mass == pytest.approx(0.8)


def test_a_word_that_begins_a_longer_word_of_the_other_label_waits_for_the_next_token():
    assert read_verdict([at("No", {"No": 0.8})], OVERLAP).p_yes is None
    positions = [at("No", {"No": 1.0}), at(" objection", {" objection": 0.6, " finding": 0.4})]
    assert read_verdict(positions, OVERLAP).p_yes == pytest.approx(0.6)


def test_a_longer_word_in_several_tokens_is_waited_for():
    """After " obj" it is still open whether the answer is "No objection" or begins with "No"."""
    positions = [
        at("No", {"No": 1.0}),
        at(" obj", {" obj": 0.7, " fin": 0.3}),
        at("ection", {"ection": 0.9, "ects": 0.1}),
    ]
    reading = read_verdict(positions, OVERLAP)
    assert reading.verdict_mass == pytest.approx(1.0)
    assert reading.p_yes == pytest.approx(0.63)
    positions[2] = at("ective", {"ective": 0.9, "ection": 0.1})
    assert read_verdict(positions, OVERLAP).p_yes == pytest.approx(0.07)


@pytest.mark.parametrize(("complete", "p_yes"), [(True, 0.0), (False, None)])
def test_a_word_at_the_end_of_an_answer_has_no_longer_one_ahead(complete, p_yes):
    assert read_verdict([position("No")], OVERLAP, complete=complete).p_yes == p_yes


def test_a_letter_counts_less_what_makes_it_a_sentence():
    words = {"access": ("A",), "network": ("B",)}
    positions = [
        at("A", {"A": 0.6, "B": 0.2, "I": 0.2}),
        at(" person", {" person": 0.5, ".": 0.25, ":": 0.25}),
    ]
    reading = read_verdict(positions, words)
    assert reading.verdict_mass == pytest.approx(0.3 + 0.2)
    assert reading.probabilities["access"] == pytest.approx(0.6)


def test_words_that_begin_alike_for_long_are_waited_for():
    words = {"east": ("Network of the east",), "east and west": ("Network of the east and the west",)}
    text = "Network of the east and the north. The Wi-Fi is down."
    positions = [position(character) for character in text]
    readable = [is_readable(positions[:count], text[:count], words) for count in range(len(text))]
    assert readable.index(True) == len("Network of the east and the n")
    assert readable == sorted(readable)
    assert steps(words) == 4 + len("Network of the east and the west")
    assert steps(EN) == 8
    assert read_verdict(positions, words).probabilities == {"east": 1.0, "east and west": 0.0}


def test_the_chosen_prefix_is_split_by_what_follows():
    positions = [at("N", {"N": 0.5, "Ja": 0.25}), at("ein", {"ein": 0.8, "icht": 0.2})]
    reading = read_verdict(positions, DE)
    assert reading.verdict_mass == pytest.approx(0.25 + 0.4)
    assert reading.p_yes == pytest.approx(0.25 / 0.65)


def test_a_chosen_word_that_goes_on_is_no_verdict():
    positions = [at("Ja", {"Ja": 0.6, "Nein": 0.2}), at("in", {"in": 0.9, ",": 0.1})]
    reading = read_verdict(positions, DE)
    assert reading.verdict_mass == pytest.approx(0.2 + 0.06)
    assert reading.p_yes == pytest.approx(0.06 / 0.26)


@pytest.mark.parametrize("blank", [" ", "\n", "Ċ", "**", '"', " **", "<b>", "\u201e"])
def test_blank_first_tokens_are_walked_over(blank):
    positions = [at(blank, {blank: 0.8, "No": 0.2}), at("Yes", {"Yes": 0.5, "No": 0.25, "The": 0.25})]
    reading = read_verdict(positions, EN)
    assert reading.verdict_mass == pytest.approx(0.4 + 0.2 + 0.2)
    assert reading.p_yes == pytest.approx(0.5)


def test_a_tag_in_pieces_is_walked_over():
    positions = [at(token, {token: 1.0}) for token in ("<", "b", ">", "Y", "es", "</")]
    assert read_verdict(positions, EN).p_yes == pytest.approx(1.0)


def test_a_blank_that_was_not_chosen_is_outside():
    reading = read_verdict([at("No", {" ": 0.5, "No": 0.5}), at(".", {".": 1.0})], EN)
    assert reading.verdict_mass == pytest.approx(0.5)
    assert reading.p_yes == 0.0


@pytest.mark.parametrize(
    "positions",
    [[], [Position("x", ())], [at("The", {"The": 1.0})], [at(" ", {" ": 1.0})],
     [Position("Yes", (("Yes", -9999.0),))],
     [Position("Yes", (("Yes", math.nan),))], [Position("Yes", (("Yes", -math.inf),))]],
)  # fmt: skip
def test_without_mass_nothing_is_guessed(positions):
    reading = read_verdict(positions, EN)
    assert reading.p_yes is None
    assert reading.verdict_mass == 0.0


def test_an_empty_token_of_the_end_keeps_the_word():
    assert read_verdict([at("Yes", {"Yes": 1.0}), at("", {"": 1.0})], EN).p_yes == 1.0


def test_thoughts_of_a_reasoning_model_are_skipped():
    thoughts = [at(token, {token: 1.0}) for token in ("<think>", "Yes", " or", " No", "?", "</think>", "\n")]
    answer = [at(token, {token: 1.0}) for token in ("No", ".", " None", ".")]
    positions = answer_positions([*thoughts, *answer], "No. None.")
    assert [p.token for p in positions] == ["No", ".", " None", "."]


def test_more_of_a_readable_answer_changes_nothing():
    words = ("**", "No", ".", " There", " is", " no", " such", " finding", " in", " the", " file", ".")
    positions = [at(token, {token: 0.9, "Yes": 0.05}) for token in words]
    texts = ["".join(words[: count + 1]) for count in range(len(words))]
    readable = [is_readable(positions[: count + 1], text, EN) for count, text in enumerate(texts)]
    assert readable == sorted(readable)
    assert (readable[1], readable[-1]) == (False, True)
    first = readable.index(True)
    assert read_verdict(positions[: first + 1], EN) == read_verdict(positions, EN)
    assert stated_verdict(texts[first], EN) is stated_verdict(texts[-1], EN)


def test_an_answer_found_nowhere_has_no_positions():
    assert answer_positions([position("Yes"), position(".")], "No. Never.") == ()


def test_a_whole_answer_keeps_its_leading_whitespace():
    positions = [position(" "), position("\n"), position("Ja"), position(" f"), position("�")]
    assert answer_positions(positions, "Ja für") == positions


TOKENS = st.sampled_from(
    [
        "Yes",
        " yes",
        "No",
        "NO.",
        "N",
        "Y",
        "Not",
        " ",
        "**",
        "<",
        "Ja",
        "Ne",
        "ein",
        ",",
        "",
        "�",
        "Ġno",
        "terday",
    ]
)
ALTERNATIVES = st.lists(st.tuples(TOKENS, st.floats(0.0, 1.0)), max_size=8)


@st.composite
def answers(draw) -> list[Position]:
    """Up to four positions whose alternatives are sub-distributions and include the generated token."""
    positions = []
    for _ in range(draw(st.integers(0, 4))):
        pairs = draw(ALTERNATIVES)
        total = max(1.0, math.fsum(p for _, p in pairs))
        listed = tuple((t, math.log(p / total) if p / total > 0 else -9999.0) for t, p in pairs)
        positions.append(Position(draw(TOKENS), listed))
    return positions


@given(answers(), st.sampled_from([EN, DE, PHRASES, OVERLAP]))
def test_probabilities_are_probabilities(positions, words):
    reading = read_verdict(positions, words)
    assert 0.0 <= reading.verdict_mass <= 1.0
    assert (reading.p_yes is None) == (reading.verdict_mass == 0.0)
    assert reading.p_yes is None or 0.0 <= reading.p_yes <= 1.0


@given(answers(), st.randoms(use_true_random=False))
def test_order_of_alternatives_is_irrelevant(positions, rng: random.Random):
    shuffled = [Position(p.token, tuple(rng.sample(p.alternatives, len(p.alternatives)))) for p in positions]
    assert read_verdict(shuffled, EN) == read_verdict(positions, EN)


@given(answers())
def test_swapped_labels_mirror_p_yes(positions):
    mirrored = {"yes": EN["no"], "no": EN["yes"]}
    here, there = read_verdict(positions, EN), read_verdict(positions, mirrored)
    assert here.verdict_mass == pytest.approx(there.verdict_mass)
    if here.p_yes is not None:
        assert there.p_yes == pytest.approx(1.0 - here.p_yes)


@given(st.floats(0.01, 0.49), st.floats(0.01, 0.49), st.floats(0.1, 0.99))
def test_p_yes_is_renormalised(yes, no, share):
    """Mass outside changes the verdict mass, not p(yes)."""
    reading = read_verdict([at("Yes", {"Yes": yes * share, "No": no * share, "The": 1 - share})], EN)
    assert reading.p_yes == pytest.approx(yes / (yes + no))
    assert reading.verdict_mass == pytest.approx((yes + no) * share)


@given(st.text(max_size=30), st.sampled_from([EN, DE, PHRASES, OVERLAP]))
def test_any_text_is_read_without_failing(text, words):
    verdict = stated_verdict(text, words)
    assert len(split_justification(text, words)) <= len(text) * 3
    if verdict != NEUTRAL:
        assert any(w.casefold() in text.casefold() for w in words[verdict.value])


@given(st.sampled_from(["Yes", "yes", "YES"]), st.characters(categories=["L", "N", "M"]))
def test_a_word_with_a_letter_after_it_is_another_word(word, letter):
    assert stated_verdict(word + letter, EN) == NEUTRAL


@given(
    st.text(alphabet=" \n\t*_\"'#>`", max_size=8),
    st.sampled_from(EN["yes"] + EN["no"]),
    st.sampled_from(".,:;!? \n"),
)
def test_markup_before_and_punctuation_after_change_nothing(lead, word, after):
    assert stated_verdict(f"{lead}{word}{after} reason", EN) is stated_verdict(word, EN)
    assert split_justification(f"{lead}{word}{after} reason", EN) == "reason"


@pytest.mark.parametrize(
    ("tokens", "words", "ended", "count"),
    [
        (["Yes", ".", " The"], EN, False, 2),
        (["Yes"], EN, False, None),  # "Yesterday"?
        (["Yes"], EN, True, 2),
        (["N", "ein", ",", " weil"], DE, False, 3),
        (["N", "ein"], DE, False, None),
        ([" **", "No", "**"], EN, False, 3),
        (["Maybe", " not"], EN, False, 1),  # no word begins so
        (["\n", " "], EN, False, None),
        (["No", " objection", "."], OVERLAP, False, 3),
        (["No", " objection"], OVERLAP, False, None),
    ],
)
def test_a_verdict_is_settled_by_the_token_that_ends_its_word(tokens, words, ended, count):
    positions = [position(token) for token in tokens]
    assert tokens_to_verdict(positions, "".join(tokens), words, ended=ended) == count


@pytest.mark.parametrize(
    ("tokens", "text"), [(["Let", " me", " think"], "Yes."), (["<think>", "Yes", "."], ""), ([], "Yes.")]
)
def test_a_text_from_another_place_settles_nothing(tokens, text):
    assert tokens_to_verdict([position(token) for token in tokens], text, EN, ended=False) is None


@given(st.integers(0, 10**6))
def test_tokens_after_the_verdict_do_not_change_its_probabilities(seed):
    rng = random.Random(seed)
    pieces = ["Yes", "No", " ", ".", "Y", "es", "N", "o", ",", " evidence", "**", "Not", "\n"]

    def draw() -> Position:
        names = rng.sample(pieces, 4)
        return at(names[0], dict(zip(names, (0.4, 0.3, 0.2, 0.1), strict=True)))

    positions = [draw() for _ in range(steps(EN) + 3)]
    text = "".join(token.token for token in positions)
    count = tokens_to_verdict(positions, text, EN, ended=False)
    assert count is not None
    assert read_verdict(positions[:count], EN) == read_verdict(positions, EN)
    shown = "".join(token.token for token in positions[:count])
    if count < steps(EN):
        assert stated_verdict(shown, EN) == stated_verdict(text, EN)
