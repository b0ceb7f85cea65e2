"""Shortcuts are measured on rows whose right value is known."""

import pytest

from signalbox.contracts.record import Label, LabeledText
from tools.shortcuts import (
    learned_length_accuracy,
    length_accuracy,
    near_duplicates,
    similarity,
    tfidf_accuracy,
)


def row(text: str, label: Label, split: str = "test", language: str = "en") -> LabeledText:
    values = {"id": text, "text": text, "label": label, "language": language, "family": text, "split": split}
    return LabeledText.model_validate(values)


def test_lengths_that_separate_the_labels_give_them_away_in_either_direction() -> None:
    assert length_accuracy([row("a" * 9, "yes"), row("a", "no")]) == 1.0
    assert length_accuracy([row("a" * 9, "no"), row("a", "yes")]) == 1.0


def test_equal_lengths_give_nothing_away() -> None:
    assert length_accuracy([row("abc", "yes"), row("xyz", "no")]) == 0.5


def test_the_length_of_few_rows_of_the_rarer_label_counts_as_much_as_that_of_many() -> None:
    rows = [row("a" * 9, "yes"), *(row(f"{i}", "no") for i in range(3)), row("b" * 9, "no")]
    assert length_accuracy(rows) == pytest.approx(0.5 + (1 - 0.25) / 2)


def test_a_length_of_one_label_is_learned_from_the_training_rows() -> None:
    train = [row("a" * (20 + i), "yes") for i in range(5)] + [row("b" * (1 + i), "no") for i in range(5)]
    assert learned_length_accuracy(train, [row("c" * 30, "yes"), row("c", "no")]) == 1.0
    assert learned_length_accuracy(train, [row("c" * 30, "no"), row("c", "yes")]) == 0.0


def test_a_word_of_one_label_is_learned_from_the_training_rows() -> None:
    train = [row(f"approved {i}", "yes") for i in range(5)] + [row(f"rejected {i}", "no") for i in range(5)]
    assert tfidf_accuracy(train, [row("approved again", "yes"), row("rejected again", "no")]) == 1.0


def test_similarity_ignores_case_and_white_space() -> None:
    assert similarity("The aid is needed.", "the  aid is\nneeded.") == 1.0
    assert similarity("The aid is needed.", "Kosten entstehen keine.") == 0.0


def test_near_duplicates_are_reported_across_splits_of_one_language() -> None:
    text = "The aid is needed in daily life."
    one, other = row(text, "yes", "pool"), row(text + ".", "no")
    german = row(text + " ", "yes", language="de")
    assert [(a, b) for _, a, b in near_duplicates([one, other, german], 0.9)] == [(one, other)]
    assert not list(near_duplicates([one, row(text + "!", "no", "pool")], 0.9))
