"""What gives the label of a task's texts away without reading them: their length, or their words.

`python -m tools.shortcuts tasks/medical` prints both per tier and language: the rows and mean characters of each label, the
accuracy of the best cut on the length in each split, and on the test split the accuracy of logistic regressions on
length and on TF-IDF, which learn from all that a model may learn from (few-shot and pool).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from pathlib import Path
from typing import get_args

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from signalbox.contracts.record import LabeledText
from signalbox.tasks import Split, load_all, load_data, load_task, tiers_of

LEARNING_SPLITS = ("few-shot", "pool")
_GRAM = 5


def length_accuracy(rows: Sequence[LabeledText]) -> float:
    """Balanced accuracy of the best rule "longer than n: this label, else that one", chosen on these very rows.

    No such rule does better on them, so this bounds what a cut on the length can give away.
    """
    lengths = lengths_by_label(rows)
    return max(
        (_share(lengths[above], cut) + 1 - _share(lengths[below], cut)) / len(lengths)
        for cut in {len(row.text) for row in rows}
        for above, below in permutations(lengths, 2)
    )


def lengths_by_label(rows: Sequence[LabeledText]) -> dict[str, list[int]]:
    """Numbers of characters of the texts of each label."""
    lengths: dict[str, list[int]] = {}
    for row in rows:
        lengths.setdefault(row.label, []).append(len(row.text))
    return lengths


def _share(lengths: Sequence[int], cut: int) -> float:
    return sum(length >= cut for length in lengths) / len(lengths)


def learned_length_accuracy(train: Sequence[LabeledText], test: Sequence[LabeledText]) -> float:
    """Accuracy on `test` of a logistic regression on the number of characters."""
    lengths = FunctionTransformer(lambda texts: [[len(text)] for text in texts])
    return _accuracy(make_pipeline(lengths, StandardScaler(), LogisticRegression()), train, test)


def tfidf_accuracy(train: Sequence[LabeledText], test: Sequence[LabeledText]) -> float:
    """Accuracy on `test` of a logistic regression on TF-IDF of words, word pairs and character 2- to 5-grams."""
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    return _accuracy(make_pipeline(features, LogisticRegression(C=10.0, max_iter=1000)), train, test)


def _accuracy(model: Pipeline, train: Sequence[LabeledText], test: Sequence[LabeledText]) -> float:
    model.fit([row.text for row in train], [row.label for row in train])
    return float(model.score([row.text for row in test], [row.label for row in test]))


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of the character 5-grams of two texts, case and white space ignored."""
    return _jaccard(_grams(one), _grams(other))


def _jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / len(first | second)


def _grams(text: str) -> frozenset[str]:
    plain = " ".join(text.lower().split())
    return frozenset(plain[i : i + _GRAM] for i in range(max(1, len(plain) - _GRAM + 1)))


def near_duplicates(
    rows: Sequence[LabeledText], limit: float
) -> Iterator[tuple[float, LabeledText, LabeledText]]:
    """Pairs of one language and of different splits whose similarity is at least `limit`."""
    grams = [_grams(row.text) for row in rows]
    for (i, one), (j, other) in combinations(enumerate(rows), 2):
        if one.language == other.language and one.split != other.split:
            value = _jaccard(grams[i], grams[j])
            if value >= limit:
                yield value, one, other


def sentences(rows: Sequence[LabeledText]) -> list[LabeledText]:
    """The rows of one sentence: those without a marked sentence."""
    return [row for row in rows if row.decisive is None]


def passages(rows: Sequence[LabeledText]) -> list[LabeledText]:
    """The rows of several sentences, one of which is marked."""
    return [row for row in rows if row.decisive is not None]


def main(folder: Path) -> None:
    """Print the accuracy of the length in each split, and of length and TF-IDF learned for the test split."""
    task = load_task(folder)
    table = Table("tier", "lang", "rows", "labels", "chars", "cut", "length", "TF-IDF", box=SIMPLE_HEAD)
    for tier in tiers_of(load_all(task)):
        rows = load_data(task, tier=tier)
        for language in sorted(task.languages):
            here = [row for row in rows if row.language == language]
            train = [row for row in here if row.split in LEARNING_SPLITS]
            for split in get_args(Split):
                part = [row for row in here if row.split == split]
                for name, group in ((split, sentences(part)), ("passages", passages(part))):
                    if group:
                        table.add_row(tier or "", language, name, *_figures(train, group, split))
    Console().print(table)


def _figures(train: Sequence[LabeledText], group: Sequence[LabeledText], split: str) -> Iterator[str]:
    lengths = lengths_by_label(group)
    yield "/".join(str(len(values)) for values in lengths.values())
    yield "/".join(f"{sum(values) / len(values):.0f}" for values in lengths.values())
    yield f"{length_accuracy(group):.2f}"
    if split == "test":
        yield f"{learned_length_accuracy(train, group):.2f}"
        yield f"{tfidf_accuracy(train, group):.2f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
