"""The length of justifications by unit."""

import pytest

from services.assessor.metrics import Metrics, lengths
from signalbox.settings import Settings
from signalbox.tasks import load_task
from tests.helpers import record


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"characters": 0, "words": 0, "bullets": 0}),
        ("Because of the size.", {"characters": 20, "words": 4, "bullets": 0}),
        ("Reasons:\n- one\n* two\n• three\n1. four\n2) five", {"characters": 44, "words": 11, "bullets": 5}),
        ("A - B\n5.5 mg\n-1 °C", {"characters": 18, "words": 7, "bullets": 0}),
    ],
)
def test_lengths_count_characters_words_and_items_of_lists(text, expected):
    assert lengths(text) == expected


def test_an_answer_without_a_justification_has_no_length():
    metrics = Metrics(load_task(Settings().task))
    metrics.count(record(justification=None))
    assert "signalbox_justification_length_count" not in metrics.page().decode()
    metrics.count(record(justification="- one"))
    page = metrics.page().decode()
    assert 'unit="bullets"' in page
    assert "signalbox_justification_length_sum" in page
