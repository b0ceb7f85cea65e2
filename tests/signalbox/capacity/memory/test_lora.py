"""LoRA slots: what vLLM allocates for each linear layer, and how ranks share it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signalbox.capacity.memory import budget, lora
from signalbox.capacity.memory.weights import stages
from signalbox.capacity.serving import Lora, Serving
from signalbox.capacity.spec import Spec
from tests.signalbox.capacity.specs import spec


def with_slots(planned: Spec, adapters: int = 1, rank: int = 16, **kinds) -> Spec:
    return replace(planned, serving=Serving(lora=Lora(adapters, rank), **kinds))


def slots(planned: Spec) -> int:
    return sum(
        lora.slot_bytes(planned, stage) for stage in stages(planned.model.layers, planned.pipeline_parallel)
    )


def test_a_slot_holds_an_adapter_on_all_linear_layers_of_an_8b() -> None:
    # PEFT's count for all-linear at rank 16, 41,943,040, and the matrices of embedding and head.
    embeddings = 2 * (128256 + 4096) * 16
    assert slots(with_slots(spec("llama-3.1-8b", "l40s", "bf16"))) == 2 * (41_943_040 + embeddings)


def test_models_without_embedding_modules_have_linear_layers_only() -> None:
    planned = with_slots(spec("qwen2.5-7b", "l40s", "bf16"))
    layer = 7 * 3584 + 2 * 3584 + 2 * 512 + 3 * 18944
    assert slots(planned) == 2 * 16 * 28 * layer


@pytest.mark.parametrize(("adapters", "rank"), [(4, 16), (1, 64), (8, 128)])
def test_slots_grow_with_their_number_and_rank(adapters: int, rank: int) -> None:
    one = slots(with_slots(spec("llama-3.1-8b", "l40s", "bf16")))
    assert (
        slots(with_slots(spec("llama-3.1-8b", "l40s", "bf16"), adapters, rank)) == one * adapters * rank // 16
    )


def test_ranks_share_less_than_half_of_the_matrices() -> None:
    whole = slots(with_slots(spec("llama-3.1-8b", "l40s", "bf16")))
    shared = slots(with_slots(spec("llama-3.1-8b", "l40s", "bf16", tensor_parallel=2)))
    assert whole / 2 < shared < whole


def test_stages_add_up_to_the_whole_model() -> None:
    whole = with_slots(spec("llama-3.1-8b", "l40s", "bf16"))
    assert slots(replace(whole, pipeline_parallel=2)) == slots(whole)


def test_each_expert_has_its_own_matrices() -> None:
    planned = with_slots(spec("Qwen/Qwen3-30B-A3B", "h100", "bf16"))
    experts = 48 * 128 * 3 * (2048 + 768)
    assert slots(planned) > 2 * 16 * experts


def test_expert_parallel_ranks_hold_the_matrices_of_their_experts() -> None:
    moe = spec("Qwen/Qwen3-30B-A3B", "h100", "bf16", tensor_parallel=2)
    split, whole = slots(with_slots(moe)), slots(with_slots(moe, expert_parallel=True))
    assert whole < split  # matrix A of a split expert is copied to each rank


def test_latent_attention_has_no_known_size() -> None:
    assert not lora.has_known_size(spec("deepseek-ai/DeepSeek-V3", "h200", "fp8-block").model)
    assert lora.has_known_size(spec("llama-3.1-8b", "l4", "bf16").model)


def test_slots_and_their_graphs_are_taken_from_the_cache() -> None:
    plain = spec("llama-3.1-8b", "l40s", "fp8", version="0.25.0")  # its graphs are inside the budget
    without, memory = budget(plain), budget(with_slots(plain, 4, 64))
    growth = {
        name: memory.term(name).bytes - without.term(name).bytes  # type: ignore[union-attr, arg-type]
        for name in ("weights", "graphs", "activation")
    }
    assert growth["weights"] == slots(with_slots(plain, 4, 64))
    assert growth["graphs"] > 0
    assert without.kv_bytes - memory.kv_bytes == sum(growth.values())
    assert "4 LoRA slots of rank 64" in memory.term("weights").formula  # type: ignore[union-attr]
