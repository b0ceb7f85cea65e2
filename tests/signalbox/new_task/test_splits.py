"""Splits by family, stratified by label and language."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from signalbox.new_task.splits import SHARES, splits_of


def test_each_label_and_language_has_its_share_in_each_split():
    cells = [
        (label, code)
        for label, count in (("a", 200), ("b", 40))
        for code in ("en", "de")
        for _ in range(count)
    ]
    splits = splits_of(range(len(cells)), cells, [f"text {n}" for n in range(len(cells))])
    counts = Counter(zip(cells, splits, strict=True))
    for cell, total in Counter(cells).items():
        for split, share in SHARES.items():
            assert abs(counts[cell, split] - share * total) <= 1


def test_four_texts_are_enough_for_each_split():
    splits = splits_of(range(4), [("a", "en")] * 4, list("abcd"))
    assert Counter(splits) == {"few-shot": 2, "calibration": 1, "test": 1}


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab")), min_size=1, max_size=60))
def test_a_family_is_in_one_split_and_the_result_repeats(rows):
    families = [family for family, _ in rows]
    cells = [(label, "en") for _, label in rows]
    texts = [f"text {n}" for n in range(max(len(rows), 10))]
    splits = splits_of(families, cells, texts)
    by_family = defaultdict(set)
    for family, split in zip(families, splits, strict=True):
        by_family[family].add(split)
    assert all(len(names) == 1 for names in by_family.values())
    assert splits == splits_of(families, cells, texts)
