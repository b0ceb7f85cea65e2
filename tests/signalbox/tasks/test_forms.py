"""What the beginning of an answer states: letters, numbers, words that begin alike, scripts."""
# ruff: noqa: RUF001 - words of several scripts are what is tested

import pytest

from signalbox.contracts.labels import NEUTRAL
from signalbox.tasks.checks import alike
from signalbox.tasks.forms import (
    State,
    beginning,
    common_beginnings,
    form_key,
    split_justification,
    stated_verdict,
)

LETTERS = {"one": ("A",), "two": ("B",), "nine": ("I",)}
NUMBERS = {"one": ("1",), "ten": ("10",), "half": ("1,5",)}
NETS = {"net": ("Netz",), "phone": ("Netz und Telefon",), "mail": ("E-Mail",), "other": ("(Weiß nicht)",)}
CODES = {"c": ("C",), "plus": ("C++",), "sharp": ("C#",)}
SCRIPTS = {"yes": ("نعم",), "no": ("לא",), "zh": ("是",), "not": ("不是",), "fa": ("می‌شود",)}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("A", "one"),
        ("a", "one"),
        ("A.", "one"),
        ("A. The door", "one"),
        ("A) The door", "one"),
        ("(A) The door", "one"),
        ("[A]", "one"),
        ("A: the door", "one"),
        ("A, because", "one"),
        ("A - because", "one"),
        ("A – because", "one"),
        ("A\nThe door", "one"),
        ("**A** The door", "one"),
        ("**A.** The door", "one"),
        ("`A`", "one"),
        ('"A" is right', "one"),
        ("<b>A</b> The door", "one"),
        ("A  ", "one"),
        ("B; A is wrong", "two"),
        # An ordinary sentence.
        ("A person cannot log in", NEUTRAL),
        ("A  person", NEUTRAL),
        ('A "blue screen" appears', NEUTRAL),
        ("A (new) printer", NEUTRAL),
        ("- A person", NEUTRAL),
        ("A.M. shift", NEUTRAL),
        ("A-team", NEUTRAL),
        ("A's printer", NEUTRAL),
        ("I think so", NEUTRAL),
        ("I'm sure", NEUTRAL),
        ("B2 is the room", NEUTRAL),
        ("B&B", NEUTRAL),
        ("B+ tree", NEUTRAL),
        # More than one.
        ("A/B", NEUTRAL),
        ("A or B", NEUTRAL),
        ("A, B", NEUTRAL),
        ("A, B and I apply", NEUTRAL),
        ("A, B.", NEUTRAL),
    ],
)
def test_a_letter_needs_a_delimiter(text: str, label: str) -> None:
    assert stated_verdict(text, LETTERS) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [("1. Because", "one"), ("10", "ten"), ("1,5 days", "half"), ("1,6 days", NEUTRAL), ("1.5", NEUTRAL),
     ("1: because", "one"), ("1:30 h", NEUTRAL), ("1 person", NEUTRAL), ("10 persons", "ten"), ("100", NEUTRAL)],
)  # fmt: skip
def test_a_number_ends_before_no_other_digit(text: str, label: str) -> None:
    assert stated_verdict(text, NUMBERS) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [("Netz", "net"), ("Netz und Drucker", "net"), ("Netz und Telefon.", "phone"), ("NETZ UND\u00a0TELEFON", "phone"),
     ("Netzteil", NEUTRAL), ("E\u2011Mail: weil", "mail"), ("E-Mails", NEUTRAL), ("E Mail", NEUTRAL),
     ("Weiß nicht", "other"), ("WEISS NICHT", "other"), ("(weiss nicht)", "other"), ("Weiß", NEUTRAL),
     ("Netz & E-Mail", NEUTRAL), ("Netz + E-Mail", NEUTRAL), ("Netz / E-Mail", NEUTRAL)],
)  # fmt: skip
def test_the_longest_form_counts(text: str, label: str) -> None:
    assert stated_verdict(text, NETS) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("C", "c"),
        ("C++", "plus"),
        ("C++ program", "plus"),
        ("C#", "sharp"),
        ("C# program", "sharp"),
        ("C+", NEUTRAL),
    ],
)
def test_signs_belong_to_a_word(text: str, label: str) -> None:
    assert stated_verdict(text, CODES) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [("نعم، لأن", "yes"), ("\u200fنعم", "yes"), ("\u2067נ", NEUTRAL), ("„לא“", "no"), ("לאור", NEUTRAL),
     ("לא\u05beאחד", NEUTRAL), ("是。因为", "zh"), ("「是」", "zh"), ("不是，因为", "not"), ("是的", NEUTRAL),
     ("می‌شود.", "fa"), ("می‌شود\u200cها", NEUTRAL)],
)  # fmt: skip
def test_scripts_have_their_own_marks(text: str, label: str) -> None:
    assert stated_verdict(text, SCRIPTS) == label


@pytest.mark.parametrize(
    ("text", "rest"),
    [("A) Weil", "Weil"), ("**(Weiß nicht):** weil", "weil"), ("نعم، لأن", "لأن"), ("是。因为", "因为")],
)
def test_the_reason_follows_the_form(text: str, rest: str) -> None:
    assert split_justification(text, LETTERS | NETS | SCRIPTS) == rest


@pytest.mark.parametrize(
    ("text", "state", "speaks_for"),
    [("", State.BLANK, NEUTRAL), ("**", State.BLANK, NEUTRAL), ("<str", State.BLANK, NEUTRAL),
     ("N", State.PREFIX, NEUTRAL), ("E-", State.PREFIX, "mail"), ("Netz", State.OPEN, NEUTRAL),
     ("Netz un", State.OPEN, NEUTRAL), ("Netz.", State.CLOSED, "net"), ("E-Mail", State.OPEN, "mail"),
     ("E-Mail'", State.OPEN, "mail"), ("E-Mail's", State.OTHER, NEUTRAL), ("Telefon", State.OTHER, NEUTRAL),
     # Bytes of a character: they may become "ß", not "nicht", or a quote before a word.
     ("(wei\udcc3", State.PREFIX, "other"), ("wei\udcc3\udc9f", State.PREFIX, "other"),
     ("weiß \udcc3", State.OTHER, NEUTRAL), ("\udce2\udc80", State.BLANK, NEUTRAL), ("\ud83d", State.OTHER, NEUTRAL)],
)  # fmt: skip
def test_how_far_a_text_has_come(text: str, state: State, speaks_for: str) -> None:
    start = beginning(text, NETS)
    assert (start.state, start.speaks_for) == (state, speaks_for)


def test_words_that_no_answer_tells_apart_have_one_key() -> None:
    assert form_key("„Weiß nicht“") == form_key("(WEISS\u00a0NICHT).") == "weiss nicht"
    assert len({form_key(word) for word in ("C", "C++", "C#", "+", "✓")}) == 5
    assert form_key("–") == form_key("...") == ""


def test_words_that_begin_alike_are_listed() -> None:
    assert ("net", "phone", 4) in common_beginnings(NETS)
    assert list(alike(NETS)) == [("net", "phone", "netz")]
    assert list(alike(LETTERS)) == []
