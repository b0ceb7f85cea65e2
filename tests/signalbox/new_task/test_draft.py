"""From a file to a task that loads, for any labels, and what a person is warned of."""

import csv
import string
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.contracts.labels import ABSTAIN, NEUTRAL, normal_form, same_name
from signalbox.errors import InputError
from signalbox.new_task import Options, make_draft, read_table, write_task
from signalbox.new_task.files import needs_letters
from signalbox.tasks import load_data, load_task

WORDS = string.ascii_lowercase


def texts(count):
    """Different English texts, of which no two share most of their words."""
    return [
        " ".join(["the", *(f"{WORDS[n % 26]}{WORDS[n // 26]}{letter}" for letter in WORDS[:6])])
        for n in range(count)
    ]


def write(folder, rows, columns=("text", "label")):
    path = folder / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def draft(folder, rows, **options):
    return make_draft(read_table(write(folder, rows)), Options(**{"language": "en", **options}))


def balanced(labels, count=8):
    return [(text, labels[n % len(labels)]) for n, text in enumerate(texts(count * len(labels)))]


def is_label(name):
    try:
        return normal_form(name) == name and same_name(name) not in {same_name(NEUTRAL), same_name(ABSTAIN)}
    except ValueError:
        return False


LABEL = (
    st.text(st.sampled_from("aA1äßé /-.אבعر漢字'\"%"), min_size=1, max_size=9)
    .map(lambda name: " ".join(name.split()))
    .filter(lambda name: name and is_label(name))
)


@settings(max_examples=30)
@given(st.lists(LABEL, min_size=2, max_size=20, unique_by=same_name))
def test_any_labels_become_a_task_that_loads(labels):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        draft_ = draft(folder, balanced(labels))
        write_task(draft_, folder / "mine", "Mine")
        task = load_task(folder / "mine")
        assert task.names == tuple(labels)
        rows = load_data(task)
        assert Counter(row.label for row in rows) == dict.fromkeys(labels, 8)
        assert Counter(row.split for row in rows)["few-shot"] == 4 * len(labels)
        assert {turn.label for turn in task.language("en").turns} == set(labels[:8])


@pytest.mark.parametrize(
    ("labels", "letters"),
    [
        (("Access", "Network"), False),
        (("Network printer", "Network drive"), True),
        (("Netz", "Netzwerk"), True),
        (("A/B", "A-C"), True),
        (("yes", "no"), False),
    ],
)
def test_labels_with_a_common_beginning_are_answered_by_letters(tmp_path, labels, letters):
    assert needs_letters(labels) is letters
    task = write_task(draft(tmp_path, balanced(labels)), tmp_path / "mine", "Mine")
    assert task.answer == ("letters" if letters else "words")
    assert ("letter" in task.language("en").system) is letters


def test_languages_get_their_own_prompts(tmp_path):
    english = [
        (f"The {text} is not in this room.", "x" if n % 2 else "y") for n, text in enumerate(texts(16))
    ]
    german = [
        (f"Die {text[4:]} ist nicht hier und auch nicht da.", "x" if n % 2 else "y")
        for n, text in enumerate(texts(40)[16:])
    ]
    task = write_task(draft(tmp_path, english + german, language=None), tmp_path / "mine", "Mine")
    assert list(task.languages) == ["de", "en"]
    assert "Nenne zuerst die Kategorie" in task.language("de").system
    assert task.question["en"] == "Which label fits the text?"


def test_near_duplicates_stay_in_one_split(tmp_path):
    rows = balanced(["x", "y"])
    variants = [(f"{text} {n}", label) for text, label in rows for n in (1, 2)]
    families = {}
    for row in draft(tmp_path, variants).rows:
        families.setdefault(row.family, []).append(row.split)
    assert all(len(splits) == 2 and len(set(splits)) == 1 for splits in families.values())


def test_a_label_with_too_few_texts_is_an_error_with_its_number(tmp_path):
    rows = [*balanced(["x", "y"]), ("only one", "rare"), ("only two words", "rare")]
    with pytest.raises(InputError, match=r"too few texts: `rare` in en: 2\.") as caught:
        draft(tmp_path, rows)
    assert "Each label needs 4 different texts" in caught.value.hint


def test_risks_are_named_with_numbers(tmp_path):
    first = [(text, "x") for text in texts(64)]
    few = [(f"{text} {WORDS[n] * 4}", "y") for n, text in enumerate(texts(80)[64:72])]
    same = [("again and again the same sentence about cats", "x")] * 2
    uneven, calibration = draft(tmp_path, first + few + same), draft(tmp_path, balanced(["x", "y"]))
    assert any("uneven labels: `x` has 65 rows and `y` 8" in line for line in uneven.warnings)
    assert any("always answers `x` is right in 89%" in line for line in uneven.warnings)
    assert any("`y`: 2 rows, so its recall is known to ± 69 points" in line for line in uneven.warnings)
    assert uneven.notes == ("1 duplicates: line 75",)
    assert any("en: 4 rows to calibrate, but thresholds need 20" in line for line in calibration.warnings)
    assert any("80 texts" in line for line in calibration.warnings)


def test_enough_rows_of_each_label_have_no_warning(tmp_path):
    assert draft(tmp_path, balanced(["x", "y"], 80)).warnings == ()


def test_a_large_family_is_named(tmp_path):
    template = [(f"Dear colleagues, please note the event number {n} of today", "x") for n in range(30)]
    warnings = draft(tmp_path, template + balanced(["x", "y"])).warnings
    assert any("30 of 46 texts are one family" in line for line in warnings)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive": "z"}, "--positive: got 'z'"),
        ({"language": "English"}, "--language: got 'English'"),
    ],
)
def test_an_option_that_does_not_fit_is_an_error(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        draft(tmp_path, balanced(["x", "y"]), **options)
    with pytest.raises(InputError, match="for two labels only"):
        draft(tmp_path, balanced(["x", "y", "z"]), positive="x")


def test_the_positive_label_and_long_texts_are_part_of_the_task(tmp_path):
    rows = [*balanced(["x", "y"]), ("the " + "word " * 1000, "x")]
    task = write_task(draft(tmp_path, rows, positive="y"), tmp_path / "mine", "Mine")
    assert (task.positive, task.max_input_characters) == ("y", 6000)


CELL = st.text("ab ,;\t|\"'\r\n\x00ö\u2028\ufeff", max_size=6)


@settings(max_examples=200)
@given(
    st.binary(max_size=200)
    | st.tuples(
        st.lists(st.tuples(CELL, st.sampled_from(["x", "y", "X", '"'])), max_size=30),
        st.sampled_from(",;\t|"),
        st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    ).map(
        lambda parts: "".join(
            f"{text}{parts[1]}{label}\n" for text, label in [("text", "label"), *parts[0]]
        ).encode(parts[2], "replace")
    ),
    st.booleans(),
)
def test_whatever_is_in_the_file_is_a_task_or_an_error_with_a_hint(content, header):
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "labels.csv"
        path.write_bytes(content)
        try:
            example = make_draft(read_table(path, header=header), Options(language="en"))
            write_task(example, Path(scratch) / "mine", "Mine")
        except InputError as error:
            assert error.message and error.hint  # noqa: PT018, PT017 - both lines of an error
