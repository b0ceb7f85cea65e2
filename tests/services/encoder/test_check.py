"""What is wrong with a request is said without its texts: callers log and store the error."""

import pytest

from services.encoder.model import check, texts_v1
from signalbox.contracts.encoders import MAX_CHARACTERS, MAX_TEXTS
from signalbox.errors import InputError

SECRET = "Frau Erika Mustermann"


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (SECRET * 1000, f"{len(SECRET) * 1000} characters. Send at most {MAX_CHARACTERS}"),
        (f"{SECRET}\ud83d", "22 characters. Send text without lone surrogates"),
        ({"name": SECRET}, "a value of type dict. Send a text"),
        ([SECRET], "a value of type list. Send a text"),
        (" " * 7, "7 characters. Send a text that is not empty"),
        (None, "a value of type NoneType. Send a text"),
    ],
)
def test_a_text_that_is_rejected_is_not_quoted(value, got):
    for call in (
        lambda: check(["ok", value], "instances[{}].text"),
        lambda: texts_v1({"instances": [{"text": "ok"}, {"text": value}]}),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value).startswith(f"instances[1].text: got {got}")
        assert SECRET not in f"{caught.value} {caught.value.value}"


@pytest.mark.parametrize(
    "payload", [{"instances": SECRET}, {"instances": {"text": SECRET}}, {"text": SECRET}]
)
def test_instances_that_are_no_list_are_not_quoted(payload):
    with pytest.raises(InputError, match="instances: got") as caught:
        texts_v1(payload)
    assert SECRET not in f"{caught.value} {caught.value.value}"


def test_what_the_service_accepts_is_accepted():
    texts = ["x" * MAX_CHARACTERS] * MAX_TEXTS
    assert check(texts, "text{}") == texts
