"""Which texts run together."""

from hypothesis import given
from hypothesis import strategies as st

from services.encoder.batches import batches

LENGTHS = st.lists(st.integers(2, 256), min_size=1, max_size=40)


@given(LENGTHS, st.integers(1, 2048))
def test_every_text_is_in_one_batch(lengths, limit):
    positions = [position for batch in batches(lengths, limit) for position in batch]
    assert sorted(positions) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 2048))
def test_a_batch_of_several_texts_is_within_the_limit_with_its_padding(lengths, limit):
    for batch in batches(lengths, limit):
        longest = max(lengths[position] for position in batch)
        assert len(batch) == 1 or len(batch) * longest <= limit


def test_similar_lengths_run_together_and_others_apart():
    assert [sorted(batch) for batch in batches([200, 20, 21, 199], 1024)] == [[0, 3], [1, 2]]


def test_a_limit_of_one_token_leaves_each_text_alone():
    assert sorted(batches([5, 5, 5], 1)) == [[0], [1], [2]]
