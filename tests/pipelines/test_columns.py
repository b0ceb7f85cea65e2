"""Columns that are larger than memory: the same rows, and the same tests, as in memory."""

import numpy as np
import pytest

from pipelines import columns
from pipelines.columns import Column, Names, Rows, Spill
from pipelines.statistics import Clustered, compare_labels, compare_numbers


@pytest.fixture
def small(monkeypatch):
    """Runs of 50 rows and parts of a few hundred."""
    monkeypatch.setattr(columns, "RUN_ROWS", 50)
    monkeypatch.setattr(columns, "_MOST_IN_MEMORY", 200)


def drawn(seed, rows, texts):
    """Numbers, labels and keys; each text has a mean of its own, so that clusters matter."""
    rng = np.random.default_rng(seed)
    keys = rng.integers(0, texts, rows).astype(np.uint64)
    values = np.round(np.random.default_rng(7).beta(2, 3, texts)[keys] + rng.normal(0, 0.01, rows), 2)
    return values, np.where(values > 0.4, "yes", np.where(values > 0.3, "neutral", "no")), keys


def column_of(values, keys):
    """The same in pages of 7 rows."""
    names = None if np.issubdtype(values.dtype, np.number) else Names()
    column = Column(names)
    for first in range(0, len(values), 7):
        page = values[first : first + 7]
        column.extend(
            page if names is None else names.codes(page.tolist(), len(page)), keys[first : first + 7]
        )
    return column


def test_rows_in_the_file_are_the_same_rows(small):
    values, labels, keys = drawn(0, 1003, 90)
    for own in (values, labels):
        column = column_of(own, keys)
        assert len(column) == len(column.values) == 1003
        expected = sorted(zip(keys.tolist(), own.tolist(), strict=True))
        assert sorted(zip(column.texts.tolist(), column.values, strict=True)) == expected
    numbers = np.empty(1003)
    column_of(values, keys).copy_numbers(numbers)
    assert sorted(numbers) == sorted(values)


def test_all_rows_of_a_text_are_in_one_part(small):
    values, _, keys = drawn(0, 1003, 90)
    parts = [set(clusters.tolist()) for _, clusters in column_of(values, keys).parts()]
    assert len(parts) > 4
    assert sum(map(len, parts)) == len(set(keys.tolist())) == len(set.union(*parts))


def test_the_newest_rows_are_of_the_last_runs(small):
    values, keys = np.arange(1003.0), np.arange(1003, dtype=np.uint64)
    newest = column_of(values, keys).newest(20)
    assert len(newest) == 20
    assert newest.min() >= 1003 - 20 - 2 * 56


@pytest.mark.parametrize("texts", [90, 100_000])
def test_the_tests_do_not_depend_on_where_the_rows_are(small, texts):
    sides = [drawn(seed, rows, texts) for seed, rows in ((1, 900), (2, 400))]
    for place, compare in ((0, compare_numbers), (1, compare_labels)):
        in_memory = compare(*(Clustered(side[place], side[2]) for side in sides))
        in_a_file = compare(*(column_of(side[place], side[2]) for side in sides))
        assert in_a_file == in_memory


def test_columns_of_the_same_rows_share_their_keys(small):
    values, labels, keys = drawn(4, 1003, 90)
    names, rows = Names(), Rows(Spill())
    for first in range(0, 1003, 7):
        page = slice(first, first + 7)
        codes = names.codes(labels[page].tolist(), len(labels[page]))
        rows.extend({"output": values[page], "verdict": codes}, keys[page])
    for column, own in ((Column(None, rows, "output"), values), (Column(names, rows, "verdict"), labels)):
        alone = column_of(own, keys)
        assert column.values == alone.values
        assert column.texts.tolist() == alone.texts.tolist()
        assert (column.effective, column.repeats) == (alone.effective, alone.repeats)
        assert column.counts() == alone.counts()


def test_effective_rows_are_those_of_kish(small):
    _, _, keys = drawn(3, 1003, 90)
    sizes = np.unique(keys, return_counts=True)[1]
    column = column_of(np.zeros(1003), keys)
    assert column.effective == pytest.approx(sizes.sum() ** 2 / (sizes**2).sum())
    assert column.repeats
    assert not column_of(np.zeros(9), np.arange(9, dtype=np.uint64)).repeats
    assert Column().effective == 0.0
