"""Token buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assessor.access.buckets import Buckets


def test_a_burst_passes_and_the_next_waits_for_its_token():
    buckets = Buckets()
    assert [buckets.take("a", 60, 3, now=0.0) for _ in range(4)] == [0, 0, 0, 1.0]
    assert buckets.take("a", 60, 3, now=0.5) == pytest.approx(0.5)
    assert buckets.take("a", 60, 3, now=1.01) == 0


def test_clients_do_not_share_a_bucket():
    buckets = Buckets()
    assert buckets.take("a", 1, 1, now=0.0) == 0
    assert buckets.take("a", 1, 1, now=0.0) == 60
    assert buckets.take("b", 1, 1, now=0.0) == 0


def test_a_full_bucket_holds_no_more_than_the_burst():
    buckets = Buckets()
    buckets.take("a", 60, 2, now=0.0)
    assert [buckets.take("a", 60, 2, now=3600.0) > 0 for _ in range(3)] == [False, False, True]


def test_a_lowered_burst_holds_at_once():
    buckets = Buckets()
    buckets.take("a", 600, 100, now=0.0)
    assert [buckets.take("a", 60, 1, now=0.0) > 0 for _ in range(2)] == [False, True]


def test_a_client_that_is_gone_is_forgotten():
    buckets = Buckets()
    buckets.take("a", 1, 1, now=0.0)
    buckets.keep({"b"})
    assert buckets.take("a", 1, 1, now=0.0) == 0


@given(
    st.integers(1, 6000),
    st.integers(1, 50),
    st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_no_more_pass_than_the_burst_and_what_flowed_in(per_minute, burst, pauses):
    buckets, now, passed = Buckets(), 0.0, 0
    for pause in pauses:
        now += pause
        passed += buckets.take("a", per_minute, burst, now) == 0
    assert passed <= burst + now * per_minute / 60 + 1e-6
