"""The stream of users' texts: independent draws, none twice, none that the task's data have."""

from collections import Counter
from pathlib import Path

import pytest

from local.demo.stream import Stream
from signalbox.contracts.record import text_sha256
from signalbox.requests.known import data_hashes
from signalbox.tasks import load_task

TASK = load_task(Path("tasks/medical"))


@pytest.mark.parametrize("language", ["en", "de"])
def test_texts_differ_have_both_labels_and_are_not_in_the_data(language):
    rows = Stream(TASK).take(language, 500)
    assert len({row.text for row in rows}) == 500
    assert min(Counter(row.label for row in rows).values()) > 200
    assert not data_hashes(TASK) & {text_sha256(row.text) for row in rows}
    assert not any("{" in row.text for row in rows)


def test_a_later_run_continues_where_the_earlier_one_ended():
    first = Stream(TASK)
    earlier = first.take("en", 50)
    later = Stream(TASK, {row.text for row in earlier})
    assert not {row.text for row in later.take("en", 50)} & {row.text for row in earlier}
    assert {row.text: row.label for row in earlier}.items() <= later.labels.items()


def test_the_texts_of_a_language_do_not_depend_on_the_order_of_languages():
    """Else a second run of the demo would not know the labels of the first one's texts."""
    first, second = Stream(TASK), Stream(TASK)
    german = [row.text for row in first.take("de", 20)]
    second.take("en", 50)
    assert [row.text for row in second.take("de", 20)] == german


def test_the_frequencies_of_patterns_stay_the_same_over_the_stream():
    """Else a certificate would speak of texts that no longer come."""
    stream = Stream(TASK)
    first, last = (
        sum("The requirements for" in row.text for row in stream.take("en", 600)) / 600 for _ in range(2)
    )
    assert abs(first - last) < 0.08


def test_a_task_without_the_file_has_no_stream():
    stream = Stream(load_task(Path("tasks/tickets")))
    assert not stream.exists
    assert stream.languages == []
