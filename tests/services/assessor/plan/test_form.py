"""A query of the page /plan as a question, and the planner's messages as sentences."""

import pytest

from services.assessor.plan.form import field_of, read_query, sentence
from services.assessor.web.language import Texts

T = Texts("en")


def test_empty_fields_are_the_planners_choice():
    form = read_query({"model": " llama-3.1-8b ", "gpu": "", "context": "8192", "other": "x"}, T)
    assert form is not None
    assert form.request == {"model": "llama-3.1-8b", "context": 8192}


def test_an_address_without_fields_is_no_question():
    assert read_query({"lang": "de", "model": " "}, T) is None


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "\u0663", "10000001"])
def test_a_number_is_whole_and_bounded(number):
    form = read_query({"model": "m", "concurrency": number}, T)
    assert form is not None
    assert list(form.errors) == ["concurrency"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("use a smaller `--context`", "Use a smaller “Tokens per request”."),
        ("write `--gpu 4xL4`, or lower `--tp`", "Write “GPUs” `4xL4`, or lower `--tp`."),
        ("did you mean `l4`?", "Did you mean `l4`?"),
        ("", ""),
    ],
)
def test_a_message_has_the_names_of_the_form(message, expected):
    assert sentence(message) == expected


def test_an_error_is_at_its_field():
    assert [field_of(name) for name in ("GPU", "--context", "model", "--tp")] == [
        "gpu",
        "context",
        "model",
        "model",
    ]
