"""What is left out, in which order, and what remains."""

import pytest

from signalbox.evidence.plan import Part, Question, call_order, parts_of, without
from signalbox.evidence.spans import Span

TEXT = "The request is for a ramp. It is needed. The file has 3 pages."


def test_a_text_of_several_sentences_has_its_sentences_as_parts():
    parts = parts_of(Question(TEXT), "en", 8)
    assert [TEXT[p.span.start : p.span.end] for p in parts] == [
        "The request is for a ramp.",
        "It is needed.",
        "The file has 3 pages.",
    ]
    assert {part.unit for part in parts} == {"sentence"}


def test_a_budget_joins_neighbors():
    parts = parts_of(Question(TEXT), "en", 2)
    assert [part.unit for part in parts] == ["sentence", "sentences"]
    assert parts[0].span.start == 0
    assert parts[-1].span.end == len(TEXT)


def test_a_single_sentence_has_word_groups():
    parts = parts_of(Question("The aid is not needed at home."), "en", 8)
    assert {part.unit for part in parts} == {"words"}
    assert len(parts) > 1


@pytest.mark.parametrize(("text", "most"), [("No.", 8), (TEXT, 1), ("", 8), ("   ", 8)])
def test_where_nothing_can_be_left_out_there_are_no_parts(text, most):
    assert parts_of(Question(text), "en", most) == ()


def test_white_space_around_a_part_goes_with_it():
    question = Question(TEXT)
    first, middle, last = parts_of(question, "en", 8)
    assert without(question, [first]).text == "It is needed. The file has 3 pages."
    assert without(question, [middle]).text == "The request is for a ramp. The file has 3 pages."
    assert without(question, [last]).text == "The request is for a ramp. It is needed."
    assert without(question, [first, last]).text == "It is needed."
    assert without(question, [first, middle, last]).text == ""


def test_the_order_of_calls_shares_the_longest_beginning():
    question = Question(TEXT)
    parts = parts_of(question, "en", 8)
    prompts = [without(question, [parts[i]]).text for i in call_order(parts)]
    assert call_order(parts) == [2, 1, 0]
    assert prompts[0] == TEXT[: parts[2].span.start].strip()
    assert prompts[1].startswith(TEXT[: parts[1].span.start])


def test_passages_are_parts_and_come_last_in_the_calls():
    question = Question(TEXT, ("one", "two"))
    parts = parts_of(question, "en", 8)
    assert [part.unit for part in parts] == ["passage", "passage", "sentence", "sentence", "sentence"]
    assert call_order(parts) == [4, 3, 2, 1, 0]
    assert without(question, [parts[0]]) == Question(TEXT, ("two",))
    assert without(question, [parts[0], parts[4]]) == Question(TEXT[: parts[4].span.start].strip(), ("two",))


def test_with_a_context_a_single_sentence_stays_whole():
    parts = parts_of(Question("Is the ramp needed at home?", ("one", "two", "three")), "en", 8)
    assert parts == tuple(Part("passage", passages=(i,)) for i in range(3))


@pytest.mark.parametrize("most", range(1, 12))
@pytest.mark.parametrize("passages", [1, 3, 8, 20])
@pytest.mark.parametrize("sentences", [1, 2, 9])
def test_passages_and_sentences_share_the_budget(most, passages, sentences):
    question = Question(" ".join(["It is so."] * sentences), tuple(f"p{i}" for i in range(passages)))
    parts = parts_of(question, "en", most)
    assert 1 <= len(parts) <= most
    covered = [index for part in parts for index in part.passages]
    assert covered == list(range(passages))
    text = [part.span for part in parts if not part.passages]
    assert not text or (text[0].start, text[-1].end) == (0, len(question.text))


def test_offsets_are_code_points_of_the_text_as_it_is():
    text = "\U0001f469\u200d\U0001f469\u200d\U0001f467 e\u0301 first. Zweiter Satz\u00a0hier."
    question = Question(text)
    first, second = parts_of(question, "de", 8)
    assert second.span == Span(text.index("Zweiter"), len(text))
    assert without(question, [second]).text == text[: first.span.end]
