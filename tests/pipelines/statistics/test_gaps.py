"""Gaps of sorted samples, compared with scipy and numpy."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from pipelines.statistics import gaps
from pipelines.statistics.clustered import Clustered
from pipelines.statistics.profiles import Profiles


@pytest.mark.parametrize("shift", [0.0, 0.01, 0.3])
def test_large_samples_have_the_gap_and_the_p_value_of_scipy(shift):
    rng = np.random.default_rng(0)
    reference, current = np.sort(np.round(rng.random(70_001), 4)), np.sort(rng.random(12_345) + shift)
    outcome = gaps.kolmogorov_smirnov_sorted(reference, current)
    expected = ks_2samp(reference, current, method="asymp")
    assert outcome.effect == pytest.approx(expected.statistic, abs=1e-12)
    assert outcome.p_value == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize(("rows", "expected"), [(20, False), (21, True), (100, True)])
def test_a_value_with_more_than_its_share_is_a_tie(rows, expected):
    values = np.sort(
        np.concatenate([np.full(rows, 0.5), np.linspace(0, 1, 100 - rows, endpoint=False) + 0.001])
    )
    assert gaps.is_tied(values, 0.2) is expected


def test_edges_are_quantiles_or_between_the_few_values():
    values = np.sort(np.random.default_rng(0).random(5000))
    assert gaps.bin_edges(values, 200) == pytest.approx(np.quantile(values, np.linspace(0, 1, 201)[1:-1]))
    assert gaps.bin_edges(np.array([1.0, 1.0, 2.0, 5.0]), 200).tolist() == [2.0, 5.0]


def test_profiles_count_clusters_that_are_alike():
    """Clusters: {0: 2}, {0: 2}, {0: 1, 2: 1}, {0: 1, 2: 1}, {1: 1}; the last two in the other sample."""
    one = Clustered(np.array([0, 0, 0, 0, 0, 2]), np.array([5, 5, 6, 6, 7, 7], dtype=np.uint64))
    other = Clustered(np.array([2, 0, 1]), np.array([5, 5, 9], dtype=np.uint64))
    both = Profiles.of((one, other), (np.int64, np.int64), 3)
    matrix, counts = both.matrix()
    rows = {tuple(row): int(count) for row, count in zip(matrix.toarray().tolist(), counts, strict=True)}
    assert rows == {(2, 0, 0): 2, (1, 0, 1): 2, (0, 1, 0): 1}
    assert both.units == [3, 2]
    assert [total.tolist() for total in both.totals] == [[5, 0, 1], [1, 1, 1]]
