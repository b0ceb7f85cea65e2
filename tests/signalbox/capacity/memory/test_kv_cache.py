"""The KV cache: blocks, pages and groups as vLLM's own log printed them."""

import pytest

from signalbox.capacity.memory import kv_cache
from signalbox.capacity.units import GIB, ceil_div
from signalbox.errors import InputError

from .test_vllm import spec


def _log(one, cache_gib, *, tokens=8192, by_concurrency=False, chunks_are_full=True):
    pool = kv_cache.pool(one, chunks_are_full=chunks_are_full)
    blocks = pool.blocks(cache_gib * GIB)
    requests = kv_cache.capacity(pool, blocks, one.context, tokens)
    return kv_cache.logged_tokens(
        pool, blocks, one.context, requests, by_concurrency=by_concurrency
    ), requests


@pytest.mark.parametrize(
    ("one", "cache_gib", "tokens", "requests"),
    [
        (spec(), 58.11, 476000, 58.11),
        (spec(kv_dtype="fp8"), 58.11, 952032, 116.21),
        (spec(tensor_parallel=4), 67.44, 2209792, 269.75),
        (spec("gemma-2-2b-it"), 66.47, 670160, 81.73),
        (spec("gpt-oss-20b", quantization="mxfp4"), 58.47, 1277184, 155.75),
        (spec("deepseek-v2-lite"), 43.61, 1505552, 183.78),
        (spec("kimi-vl-a3b", tensor_parallel=2), 54.78, 1890896, 230.82),
        (spec("qwen3-next-80b", tensor_parallel=2, context=262144), 44.59, 973760, 14.77),
    ],
)
def test_prints_what_the_log_printed_for_the_same_cache(one, cache_gib, tokens, requests):
    """The log rounds the cache to 0.01 GiB, so the last blocks are not known."""
    count, concurrency = _log(one, cache_gib)
    assert count == pytest.approx(tokens, rel=2e-4)
    assert concurrency == pytest.approx(requests, rel=3e-4)


def test_since_0_21_tokens_are_requests_times_context():
    tokens, requests = _log(spec("gemma-2-9b-it"), 104.68, tokens=16384, by_concurrency=True)
    assert requests == pytest.approx(39.84, abs=0.01)
    assert tokens == pytest.approx(326353, rel=2e-4)


def test_a_window_is_kept_with_the_batch_that_comes_in_and_one_block_of_slack():
    pool = kv_cache.pool(spec("mistral-7b-v0.1", context=32768))
    assert pool.request_blocks(32768, 2048) == ceil_div(4095 + 2048, 16) + 1
    assert pool.request_blocks(1024, 2048) == 1024 // 16 + 1


def test_kinds_are_split_into_groups_of_the_smaller_numbers_of_layers():
    pool = kv_cache.pool(spec("gemma-3-27b-it"))  # 52 sliding, 10 full
    assert pool.group_layers == 10
    assert len(pool.groups) == 6 + 1


def test_chunked_layers_keep_everything_where_the_hybrid_manager_is_off():
    one = spec("llama-4-scout", context=131072)
    full = kv_cache.pool(one, chunks_are_full=True)
    hybrid = kv_cache.pool(one)
    assert full.group_layers == 48
    assert len(hybrid.groups) == 4
    need = [p.request_blocks(131072, 2048) * p.block_bytes for p in (full, hybrid)]
    assert need[1] < need[0]


def test_latent_attention_is_whole_on_every_rank():
    alone, ranks = spec("deepseek-v2-lite"), spec("deepseek-v2-lite", tensor_parallel=4)
    assert kv_cache.bytes_per_token(alone) == kv_cache.bytes_per_token(ranks) == 27 * 576 * 2


def test_key_value_heads_are_copied_when_ranks_outnumber_them():
    assert kv_cache.bytes_per_token(spec("qwen2.5-7b", tensor_parallel=8)) == kv_cache.bytes_per_token(
        spec("qwen2.5-7b", tensor_parallel=4)
    )


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("llama-3.1-8b", 131072),
        ("llama-3.1-70b", 327680),
        ("qwen2.5-0.5b", 12288),
        ("gemma-3-27b-it", 507904),
        ("phi-3.5-mini", 393216),
        ("deepseek-v3", 70272),
    ],
)
def test_bytes_of_a_token_are_the_published_ones(name, size):
    assert kv_cache.bytes_per_token(spec(name)) == size


def test_an_unknown_cache_type_lists_the_supported_ones():
    with pytest.raises(InputError, match="fp8_e5m2"):
        kv_cache.element_bytes("int3")


@pytest.mark.parametrize(("caching", "states"), [(None, 1), (False, 1), (True, 2)])
def test_a_request_holds_two_states_with_prefix_caching(caching: bool | None, states: int) -> None:
    """noonghunna/club-3090#612: 131,072 tokens are 63 blocks of attention and 2 in each of 3 groups of states."""
    one = spec("qwen3.6-35b-a3b", kv_dtype="fp8", context=131072, prefix_caching=caching)
    pool = kv_cache.pool(one)
    assert pool.request_blocks(131072, 8192) == 63 + 3 * states
    assert kv_cache.pool(one, state_blocks=2).request_blocks(131072, 8192) == 63 + 3 * (
        states if caching is not None else 2
    )
