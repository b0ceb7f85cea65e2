"""Where sentences and word groups begin and end, in code points of the text as it is."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.evidence.spans import Span, merged, sentences, word_groups
from signalbox.tasks import load_data, load_task

TASK = load_task(Path("tasks/medical"))
PASSAGES = [row for row in load_data(TASK, "test", "everyday") if row.decisive]


def split(text: str, language: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text, language)]


def groups(text: str, language: str) -> list[str]:
    return [text[start:end] for start, end in word_groups(text, Span(0, len(text)), language)]


@pytest.mark.parametrize(
    "parts",
    [
        ["Die Hilfe, z. B. ein Rollator, ist laut Dr. Müller nötig.", "Sie kostet 12.3 Prozent mehr."],
        ["Gemäß § 33 Abs. 1 SGB V ist das Hilfsmittel notwendig.", "Am 12.3. wurde operiert."],
        ["Am 3. April kam er.", "Die §§ 33 ff. SGB V gelten."],
        ["Er sagte: „Das ist nötig.“", "Danach ging er."],
        ["Er sagte: »Das ist nötig.«", "Danach ging er.", "\u201aSo.\u2018", "„Ja!“, sagte er."],
        ["Das kostet ca. 3,5 Mio. Euro.", "Prof. Dr. med. H. Schmidt bestätigt dies.", "Nr. 5 entfällt."],
        ["Der Patient erhält Antibiotika, bds. Ödeme.", "Es besteht kein Bedarf."],
        ["Befund vom 12.03.2021 (vgl. S. 3 f.).", "Die Kasse zahlt nicht!", "Wirklich?", "Nein."],
        ["Frau K. lebt allein.", "Der Antrag u. a. auf Pflege wurde gestellt."],
        ["Wir raten ab…", "Doch."],
    ],
)
def test_german_sentences_end_where_a_reader_ends_them(parts):
    assert split(" ".join(parts), "de") == parts


@pytest.mark.parametrize(
    "parts",
    [
        ["The aid, e.g. a walker, is needed per Dr. Miller.", "It costs $12.30."],
        ['He said, "It is needed."', "Then he left."],
        ["Mr. K. lives in the U.S.", "He is fine."],
        ["See Fig. 3.", "It was 12.3.", "Next."],
        ["Wait... what?", "No!"],
        ["Smith et al. said so.", "No. 5 is it.", "The answer is no.", "He left at 5 p.m."],
        ["The pt. is stable.", "She left."],
    ],
)
def test_english_sentences_end_where_a_reader_ends_them(parts):
    assert split(" ".join(parts), "en") == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One.\r\nTwo.\r\n\r\nThree.  ", ["One.", "Two.", "Three."]),
        ("\n\t One. \u00a0\u2003Two.\u2028", ["One.", "Two."]),
        ("- walker: yes\n- bed: no", ["- walker: yes", "- bed: no"]),
        ("Heading\n\nThe text has no period", ["Heading", "The text has no period"]),
        ("He left. \U0001f600 She stayed. \U0001f44d", ["He left.", "\U0001f600 She stayed. \U0001f44d"]),
        ("... ! ? Yes.", ["... ! ? Yes."]),
        ("これは文です。次の文です\uff01", ["これは文です。", "次の文です\uff01"]),
        ("One with half a pair \ud83d. Two.", ["One with half a pair \ud83d.", "Two."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_line_ends_lists_and_other_scripts(text, parts):
    assert split(text, "en") == parts


def test_an_unknown_language_is_split_by_punctuation():
    assert split("Hello world. Second one.", "xx") == ["Hello world.", "Second one."]


@pytest.mark.parametrize("row", PASSAGES, ids=lambda row: row.id)
def test_the_decisive_sentence_of_each_passage_is_a_sentence_here(row):
    """Hand-written passages, whose offsets come from the task's own data."""
    assert tuple(row.decisive) in {tuple(span) for span in sentences(row.text, row.language)}


TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            "Aa. !?\n\r\t\u00a0„“\"'()»«\u201a\u2018-•1\u0301\u200d\ufe0f\U0001f600\U0001f469漢字é"
        ),
        st.characters(),
    ),
    max_size=80,
)


@given(TEXTS, st.sampled_from(["de", "en", "ja", "xx"]))
def test_sentences_cover_all_but_white_space_and_cut_no_character(text, language):
    spans = sentences(text, language)
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    end = 0
    for span in spans:
        assert end <= span.start < span.end
        part = text[span.start : span.end]
        assert part == part.strip()
        assert (
            span.start == 0 or not unicodedata.combining(text[span.start]) or text[span.start - 1].isspace()
        )
        end = span.end


@given(TEXTS.filter(str.strip), st.sampled_from(["de", "en", "xx"]))
def test_word_groups_cover_the_sentence(text, language):
    text = text.strip()
    assert "".join("".join(part.split()) for part in groups(text, language)) == "".join(text.split())


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("en", ["Socio-medical indication", "for the aid", "is confirmed."]),
        ("en", ["The impairment", "cannot be compensated", "without the requested device."]),
        ("de", ["Die sozialmedizinische Indikation", "für das Hilfsmittel", "wird bestätigt."]),
        ("de", ["Ein Nutzen", "des beantragten Geräts", "ist denkbar,", "aber nicht belegt."]),
        ("fr", ["Le", "besoin", "est", "clair."]),
        ("en", ["Denied", "appliance"]),
    ],
)
def test_word_groups_keep_small_words_with_what_follows(language, parts):
    assert groups(" ".join(parts), language) == parts


def test_words_without_spaces_are_split_between_characters():
    assert groups("これは文です。次の文", "ja") == ["こ", "れ", "は", "文", "で", "す。", "次", "の", "文"]
    assert groups("Donaudampfschifffahrt", "de") == ["Donaudampfschifffahrt"]


@given(st.integers(1, 3000), st.integers(1, 12))
def test_merging_keeps_the_order_and_the_ends(count, most):
    spans = [Span(10 * i, 10 * i + 1 + i % 9) for i in range(count)]
    joined = merged(spans, most)
    assert len(joined) == min(count, most)
    assert (joined[0].start, joined[-1].end) == (spans[0].start, spans[-1].end)
    assert {span.start for span in joined} <= {span.start for span in spans}


def test_the_shortest_neighbors_are_merged_first():
    assert merged([Span(0, 50), Span(51, 53), Span(54, 57), Span(58, 99)], 3) == (
        Span(0, 50),
        Span(51, 57),
        Span(58, 99),
    )
