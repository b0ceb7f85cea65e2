"""The tickets keep what docs/reference/data.md promises. Only the files are read: no label is known to code."""

import itertools
import json
import re
import runpy
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

FOLDER = Path("tasks/tickets")
LANGUAGES = ("en", "de")
TASK: dict[str, Any] = yaml.safe_load((FOLDER / "task.yaml").read_text(encoding="utf-8"))
LABELS = [label["name"] for label in TASK["labels"]]
# Rows of a split for each label and language.
SIZES = {"few-shot": 4, "calibration": 24, "test": 36}
FOLDS = 8


class Row(NamedTuple):
    id: str
    text: str
    label: str
    language: str
    family: str
    split: str


ROWS = [Row(**json.loads(line)) for line in (FOLDER / "data.jsonl").read_text(encoding="utf-8").splitlines()]
PER_LANGUAGE = {language: [row for row in ROWS if row.language == language] for language in LANGUAGES}


def lengths(texts):
    return np.array([[len(text)] for text in texts], dtype=np.float64)


def length_models():
    sizes = FunctionTransformer(lengths)
    line = make_pipeline(sizes, StandardScaler(), LogisticRegression())
    steps = make_pipeline(sizes, DecisionTreeClassifier(max_depth=4, random_state=0))
    return {"length, linear": line, "length, tree": steps}


def text_model():
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
    # On so many features the default solver takes ten times as long.
    head = LogisticRegression(C=10.0, solver="newton-cg", tol=1e-3, max_iter=2000)
    return make_pipeline(make_union(words, characters), head)


def across_families(model, rows):
    """Balanced accuracy on families that the model has not seen."""
    texts, labels, families = ([row[i] for row in rows] for i in (1, 2, 4))
    predictions = cross_val_predict(model, texts, labels, groups=families, cv=GroupKFold(FOLDS))
    return float(balanced_accuracy_score(labels, predictions))


def from_calibration(model, rows):
    """Balanced accuracy on the test split after learning from the calibration split."""
    train, test = ([row for row in rows if row.split == split] for split in ("calibration", "test"))
    model.fit([row.text for row in train], [row.label for row in train])
    predictions = model.predict([row.text for row in test])
    return float(balanced_accuracy_score([row.label for row in test], predictions))


def grams(text, size=5):
    plain = " ".join(re.findall(r"\w+", text.lower()))
    return {plain[i : i + size] for i in range(len(plain) - size + 1)}


def test_every_label_has_the_same_number_of_rows_in_each_language_and_split():
    counts = Counter((row.split, row.language, row.label) for row in ROWS)
    expected = {
        (split, language, label): size
        for split, size in SIZES.items()
        for language in LANGUAGES
        for label in LABELS
    }
    assert counts == expected
    assert sum(SIZES.values()) >= 60


def test_a_family_is_in_one_split_and_has_every_label_in_both_languages():
    """So the subject of a ticket says nothing about its label."""
    splits, members = defaultdict(set), defaultdict(Counter)
    for row in ROWS:
        splits[row.family].add(row.split)
        members[row.family][row.language, row.label] += 1
    assert all(len(names) == 1 for names in splits.values())
    expected = Counter(dict.fromkeys(itertools.product(LANGUAGES, LABELS), 2))
    for family, counts in members.items():
        assert counts == expected or splits[family] == {"few-shot"}, family


def test_identifiers_and_texts_are_unique_and_tidy():
    assert len({row.id for row in ROWS}) == len({row.text for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert row.text == " ".join(row.text.split()), row.id
        assert 20 <= len(row.text) <= 240, row.id


def test_german_is_written_in_unicode():
    """A file saved in another encoding, or typed without umlauts, fails here."""
    german = " ".join(row.text for row in PER_LANGUAGE["de"])
    assert all(character in german for character in "äöüßÄÖÜ„“")
    assert not set("ÃÂ\ufffd") & set(german)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_resembles_one_of_another_family(language):
    """Jaccard index of character 5-grams; families are what the splits are drawn from."""
    texts = [(row, grams(row.text)) for row in PER_LANGUAGE[language]]
    for (one, left), (other, right) in itertools.combinations(texts, 2):
        if one.family != other.family:
            assert len(left & right) / len(left | right) < 0.20, (one.id, other.id)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_length_does_not_give_the_label_away(language):
    rows = PER_LANGUAGE[language]
    for name, model in length_models().items():
        scores = across_families(model, rows), from_calibration(model, rows)
        print(f"{language} {name}: across families {scores[0]:.2f}, calibration to test {scores[1]:.2f}")
        assert max(scores) <= 0.35, (name, scores)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_single_word_is_enough_for_a_label(language):
    """F1 of the rule "the ticket has this word" for the best pair of word and label."""
    rows = PER_LANGUAGE[language]
    per_label = Counter(row.label for row in rows)
    counts = defaultdict(Counter)
    for row in rows:
        for word in set(re.findall(r"\w+|\?", row.text.lower())):
            counts[word][row.label] += 1
    best = max(
        (2 * hits / (labels.total() + per_label[label]), word, label)
        for word, labels in counts.items()
        for label, hits in labels.items()
    )
    print(language, best)
    assert best[0] <= 0.5, best


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_help_and_leave_work_for_a_model(language):
    """TF-IDF is reported: run pytest with -s. Near 1 the task would need no model, at 1/5 its labels would be noise."""
    rows, model = PER_LANGUAGE[language], text_model()
    scores = across_families(model, rows), from_calibration(model, rows)
    print(f"{language} TF-IDF: across families {scores[0]:.2f}, calibration to test {scores[1]:.2f}")
    assert min(scores) >= 0.35
    assert max(scores) <= 0.75


def test_committed_data_are_what_the_families_give():
    """`data.jsonl` is not edited by hand."""
    rows = runpy.run_path(str(FOLDER / "make_data.py"))["rows"]
    source = yaml.safe_load((FOLDER / "families.yaml").read_text(encoding="utf-8"))
    assert [row._asdict() for row in ROWS] == list(rows(source))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_prompt_shows_every_label_once_by_a_few_shot_ticket(language):
    few_shot = {row.text: row.label for row in PER_LANGUAGE[language] if row.split == "few-shot"}
    turns = TASK["languages"][language]["turns"]
    assert sorted(turn["label"] for turn in turns) == sorted(LABELS)
    for turn in turns:
        assert few_shot[turn["text"]] == turn["label"]
        assert turn["reason"].endswith(".")


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_have_a_description_and_words_with_different_beginnings(language):
    words = [label["words"][language][0] for label in TASK["labels"]]
    assert len({word[:2] for word in words}) == len(LABELS)
    assert all(label["description"][language] for label in TASK["labels"])
