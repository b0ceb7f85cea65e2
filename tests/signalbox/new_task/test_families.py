"""Near-duplicates become families, whatever their order."""

from hypothesis import given
from hypothesis import strategies as st

from signalbox.new_task.families import SIMILARITY, families_of


def groups(texts, names=None):
    roots = families_of(texts, names or [None] * len(texts))
    return {frozenset(i for i, other in enumerate(roots) if other == root) for root in roots}


def test_texts_that_differ_in_numbers_or_a_word_are_a_family():
    texts = [
        "Ticket 4711: the printer on floor 3 is broken.",
        "Ticket 815: the printer on floor 12 is broken!",
        "Ticket 12: the old printer on floor 12 is broken.",
        "Nobody can open the door of the storage room.",
    ]
    assert groups(texts) == {frozenset({0, 1, 2}), frozenset({3})}


def test_a_named_family_joins_different_texts():
    assert groups(["one", "two", "three"], ["a", None, "a"]) == {frozenset({0, 2}), frozenset({1})}


def test_texts_without_spaces_are_compared_in_pieces():
    first = "プリンターが故障していますので修理をお願いいたします至急です"
    assert (
        len(groups([first, first + "ね", "ドアが開かないので鍵を交換してくださいと総務部に伝えましたが"]))
        == 2
    )


WORDS = st.lists(
    st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]), min_size=1, max_size=12
).map(" ".join)


@given(st.lists(WORDS, min_size=1, max_size=14))
def test_the_search_loses_no_pair(texts):
    roots = families_of(texts, [None] * len(texts))
    sets = [set(text.split()) for text in texts]
    for i, first in enumerate(sets):
        for j, second in enumerate(sets):
            if 10 * len(first & second) >= round(10 * SIMILARITY) * len(first | second):
                assert roots[i] == roots[j], (texts[i], texts[j])
    assert all(root <= index for index, root in enumerate(roots))
