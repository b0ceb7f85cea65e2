"""Sparse attention's indexer, and the totals of rows whose published count is rounded."""

import pytest

from signalbox.capacity.memory import kv_cache
from tests.signalbox.capacity.specs import catalogue

V3, V32 = (catalogue().model(name).architecture for name in ("DeepSeek-V3", "DeepSeek-V3.2"))


@pytest.mark.parametrize(
    ("name", "billions", "within"),
    [
        ("Ministral-3-3B-Base-2512", 3.4 + 0.4, 0.02),
        ("Ministral-3-8B-Base-2512", 8.4 + 0.4, 0.02),
        ("Ministral-3-14B-Base-2512", 13.5 + 0.4, 0.005),
        ("NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 31.6, 0.002),
        ("GLM-5", 744, 0.001),
        ("gemma-4-31B-it", 30.7 + 0.57, 0.005),
    ],
)
def test_totals_are_those_of_the_cards(name, billions, within):
    assert catalogue().model(name).architecture.parameters.total / 1e9 == pytest.approx(billions, rel=within)


def test_every_layer_caches_the_keys_of_the_indexer():
    (latent,), (sparse,) = V3.kv_groups, V32.kv_groups
    assert sparse.index_bytes == 128 + 4
    for width in (2, 1):
        assert kv_cache.token_bytes(sparse, 8, width) == kv_cache.token_bytes(latent, 8, width) + 132


def test_every_rank_has_the_whole_indexer():
    more = V32.parameters.replicated - V3.parameters.replicated
    assert more == 61 * 1536 * 64 * 128
    assert V32.parameters.total - V3.parameters.total == more + 61 * (7168 * (128 + 64) + 2 * 128)
    assert "workspaces" in V32.assumptions[0]
