"""Memory of speculative decoding, weights in the host's memory, data and expert parallelism."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signalbox.capacity.budget import Budget, TermName
from signalbox.capacity.memory import budget, open_limit, speculative
from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.memory.weights import stages
from signalbox.capacity.serving import Serving, Speculative
from signalbox.capacity.spec import Draft, Spec
from signalbox.capacity.units import GIB
from tests.signalbox.capacity.specs import catalogue, spec


def size(memory: Budget, name: TermName) -> int:
    term = memory.term(name)
    assert term is not None
    return term.bytes


def with_draft(planned: Spec, name: str) -> Spec:
    draft = Draft(catalogue().model(name).architecture, catalogue().quantization("bf16"))
    return replace(planned, draft=draft, serving=Serving(speculative=Speculative("draft", 5, name)))


def test_a_draft_adds_its_weights_and_its_cache() -> None:
    target = spec("llama-3.1-8b", "l40s", "fp8")
    plain, drafted = budget(target), budget(with_draft(target, "llama-3.2-1b"))
    alone = budget(spec("llama-3.2-1b", "l40s", "bf16"))
    assert size(drafted, "weights") == size(plain, "weights") + size(alone, "weights")
    assert drafted.kv_bytes_per_token == plain.kv_bytes_per_token + alone.kv_bytes_per_token
    assert drafted.kv_tokens == pytest.approx(drafted.kv_bytes / drafted.kv_bytes_per_token, abs=16)


def test_a_draft_with_other_heads_shares_the_blocks() -> None:
    """8 heads of 128 and of 64: a block holds the pages of both."""
    drafted = budget(with_draft(spec("llama-3.1-8b", "l40s", "fp8"), "llama-3.2-1b"))
    assert drafted.kv_bytes_per_token == 2 * 2 * (32 * 8 * 128 + 16 * 8 * 64)


def test_n_grams_need_no_weights_and_no_cache() -> None:
    target = spec("llama-3.1-8b", "l40s", "fp8")
    plain, ngram = (
        budget(target),
        budget(replace(target, serving=Serving(speculative=Speculative("ngram", 5)))),
    )
    assert size(ngram, "weights") == size(plain, "weights")
    assert ngram.kv_bytes_per_token == plain.kv_bytes_per_token
    assert size(ngram, "activation") >= size(plain, "activation")


def test_the_mtp_module_of_deepseek_v3_has_its_published_size() -> None:
    """11.5B unique parameters: https://github.com/deepseek-ai/DeepSeek-V3/blob/main/README_WEIGHTS.md."""
    planned = spec("deepseek-ai/DeepSeek-V3", "h200", "fp8-block")
    planned = replace(planned, serving=Serving(speculative=Speculative("mtp", 1)))
    stage = stages(planned.model.layers, 1)[0]
    module = speculative.draft_bytes(planned, stage, load_constants())
    assert module == pytest.approx(11.5e9, rel=0.02)  # a byte a parameter, the projection in two
    cached = sum(group.layers for group in speculative.cached_groups(planned))
    assert cached == planned.model.layers + 1


def test_a_hybrids_mtp_layer_caches_as_full_attention() -> None:
    planned = spec("Qwen/Qwen3-Next-80B-A3B-Instruct", "h200", "fp8")
    planned = replace(planned, serving=Serving(speculative=Speculative("mtp", 1)))
    layers = {group.kind: group.layers for group in speculative.cached_groups(planned)}
    assert layers == {"state": 36, "full": 13}


def test_offloaded_weights_make_room_for_the_cache_byte_by_byte() -> None:
    plain = spec("llama-3.1-8b", "l4", "bf16")
    kept, moved = budget(plain), budget(replace(plain, serving=Serving(offload_gib=4)))
    assert moved.kv_bytes - kept.kv_bytes == 4 * GIB
    assert (kept.host_bytes, moved.host_bytes) == (0, 4 * GIB)


def test_embedding_and_head_cannot_be_offloaded() -> None:
    memory = budget(replace(spec("llama-3.1-8b", "l4", "bf16"), serving=Serving(offload_gib=100)))
    assert 1.9 * GIB < size(memory, "weights") < 2.1 * GIB


def test_the_largest_number_of_layers_that_fits_is_chosen() -> None:
    planned = spec("llama-3.3-70b", "l4", "gguf-q4_k_m", "llamacpp", serving=Serving(gpu_layers="auto"))
    settled = open_limit(planned)
    layers = settled.serving.gpu_layers
    assert isinstance(layers, int)
    assert 0 < layers < planned.model.layers
    assert budget(settled).fits
    assert not budget(replace(settled, serving=Serving(gpu_layers=layers + 1))).fits


def test_a_model_that_fits_keeps_all_layers_and_the_output() -> None:
    planned = spec("llama-3.1-8b", "l4", "gguf-q4_k_m", "llamacpp", serving=Serving(gpu_layers="auto"))
    settled = open_limit(planned)
    assert settled.serving.gpu_layers == planned.model.layers + 1
    assert budget(settled).host_bytes == 0


def test_gpu_and_host_hold_the_whole_file() -> None:
    planned = spec("llama-3.1-8b", "l4", "gguf-q8_0", "llamacpp", serving=Serving(gpu_layers=16))
    whole = budget(replace(planned, serving=Serving()))
    half = budget(planned)
    assert size(half, "weights") == pytest.approx((size(whole, "weights") - 0.52 * GIB) / 2, rel=0.02)
    assert half.host_bytes > size(whole, "weights") - size(half, "weights")


def test_data_parallel_ranks_share_experts_and_repeat_the_rest() -> None:
    moe = spec("Qwen/Qwen3-30B-A3B", "h100", "bf16")
    one, two = budget(moe), budget(replace(moe, serving=Serving(data_parallel=2)))
    experts = moe.model.parameters.experts * 2
    assert size(one, "weights") - size(two, "weights") == pytest.approx(experts / 2, rel=0.01)
    assert two.kv_bytes_per_token == one.kv_bytes_per_token


def test_whole_experts_and_parts_of_experts_weigh_the_same_where_they_divide() -> None:
    moe = spec("mixtral-8x7b", "h100", "bf16", tensor_parallel=4)
    parts, whole = budget(moe), budget(replace(moe, serving=Serving(expert_parallel=True)))
    assert size(whole, "weights") == pytest.approx(size(parts, "weights"), rel=0.01)
    assert size(whole, "activation") > size(parts, "activation")


def test_the_fullest_rank_counts_where_experts_do_not_divide() -> None:
    moe = spec("Qwen/Qwen3-30B-A3B", "h100", "bf16", serving=Serving(data_parallel=3, expert_parallel=True))
    share = size(budget(moe), "weights") - size(budget(replace(moe, serving=Serving())), "weights")
    assert share == pytest.approx(-moe.model.parameters.experts * 2 * (1 - 43 / 128), rel=0.02)
