"""Memory of one GPU: parts that add up, and what must hold for every configuration."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signalbox.capacity.memory import activation, budget, kv_cache
from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.memory.tensors import rounding_bytes
from signalbox.capacity.memory.weights import linear_per_rank, rank_weights, stages
from signalbox.capacity.models import catalogue
from signalbox.capacity.spec import Correction, Spec
from signalbox.capacity.units import GIB, MIB

CATALOGUE = catalogue.load()
MODELS = [row.architecture for row in CATALOGUE.models if row.architecture.kv_groups]  # decoders
SCHEMES = [row for row in CATALOGUE.quantizations if "vllm" in row.engines]
VERSIONS = ("0.11.0", "0.19.0", "0.22.1", "0.24.0", "0.30")


def spec(model="llama-3.1-8b", gpu="h100", quantization="bf16", version="0.19.0", **more):
    architecture = CATALOGUE.model(model).architecture if isinstance(model, str) else model
    return Spec(
        model=architecture,
        gpu=CATALOGUE.gpu(gpu),
        engine=CATALOGUE.engine("vllm", version),
        quantization=CATALOGUE.quantization(quantization),
        dtype="bfloat16",
        **{"context": 8192, **more},
    )


specs = st.builds(
    Spec,
    model=st.sampled_from(MODELS),
    gpu=st.sampled_from(CATALOGUE.gpus),
    engine=st.sampled_from([CATALOGUE.engine("vllm", version) for version in VERSIONS]),
    quantization=st.sampled_from(SCHEMES),
    dtype=st.just("bfloat16"),
    context=st.integers(1, 131072),
    kv_dtype=st.sampled_from(["auto", "fp8"]),
    tensor_parallel=st.sampled_from([1, 2, 4, 8]),
    pipeline_parallel=st.sampled_from([1, 2]),
    concurrency=st.one_of(st.none(), st.integers(1, 2048)),
    batched_tokens=st.one_of(st.none(), st.integers(256, 32768)),
    memory_utilization=st.one_of(st.none(), st.floats(0.3, 0.98)),
    eager=st.booleans(),
)


@given(specs)
def test_the_terms_inside_the_budget_add_up_to_it(one):
    plan = budget(one)
    inside = [t for t in plan.terms if t.name not in ("reserve", "kv_cache")]
    if not load_constants().regime(one).graphs_inside:
        inside = [t for t in inside if t.name != "graphs"]
    assert sum(t.bytes for t in inside) + plan.kv_bytes == plan.usable_bytes
    assert plan.usable_bytes <= plan.total_bytes
    assert all(t.bytes >= 0 and t.formula and t.source for t in plan.terms)
    assert plan.reason


@given(specs, st.integers(1, 4))
def test_a_longer_context_needs_more_and_never_starts_where_a_shorter_did_not(one, times):
    longer = replace(one, context=one.context * times)
    pools = [kv_cache.pool(s) for s in (one, longer)]
    tokens = activation.limits(one).tokens
    assert pools[1].request_blocks(longer.context, tokens) >= pools[0].request_blocks(one.context, tokens)
    assert budget(one).fits or not budget(longer).fits


@given(specs, st.integers(1, 1024), st.integers(1, 1024))
def test_more_sequences_never_leave_more_cache(one, few, more):
    small = replace(one, concurrency=few, batched_tokens=8192)
    large = replace(small, concurrency=few + more)
    assert budget(large).kv_bytes <= budget(small).kv_bytes


@given(specs, st.integers(256, 8192), st.integers(1, 8192))
def test_larger_batches_never_leave_more_cache(one, few, more):
    small = replace(one, concurrency=64, batched_tokens=few)
    assert budget(replace(small, batched_tokens=few + more)).kv_bytes <= budget(small).kv_bytes


@given(specs, st.sampled_from(["embedding", "linear", "other", "vision"]), st.integers(0, 10**10))
def test_more_parameters_never_leave_more_cache(one, kind, more):
    counts = one.model.parameters
    assume(
        kind != "vision" or one.model.multimodal
    )  # a text model with a vision tower is another kind of model
    larger = replace(one.model, parameters=replace(counts, **{kind: getattr(counts, kind) + more}))
    assert budget(replace(one, model=larger)).kv_bytes <= budget(one).kv_bytes


@given(specs)
def test_more_ranks_never_give_one_rank_more_weights(one):
    stage = stages(one.model.layers, 1)[0]
    wide = replace(one, tensor_parallel=2 * one.tensor_parallel)
    if one.quantization.name == "mxfp4":
        assume(one.model.moe is None)  # padding of the experts may eat what the split saves
    allocator = load_constants().allocator
    assert rank_weights(wide, stage, allocator).total <= rank_weights(one, stage, allocator).total


@given(specs, st.floats(1.0, 4.0))
def test_a_bigger_gpu_never_fits_less(one, times):
    one = replace(one, concurrency=one.concurrency or 256, batched_tokens=one.batched_tokens or 2048)
    bigger = replace(one.gpu, total_gib=one.gpu.total_gib * times)
    small, large = budget(one), budget(replace(one, gpu=bigger))
    assert large.kv_bytes >= small.kv_bytes
    assert large.fits or not small.fits


@given(specs)
def test_of_gpus_with_the_same_default_limits_a_larger_one_never_fits_less(one):
    """With other limits it can: vLLM has four times the requests from 70 GiB, for which 71 GiB have less room than 69."""
    one = replace(one, concurrency=None, batched_tokens=None, memory_utilization=None)
    # Below 14 GiB, the generation and the number of multiprocessors decide as much as the size.
    gpus = [gpu for gpu in CATALOGUE.gpus if not gpu.name.startswith("a100") and gpu.total_gib > 14]
    by_limits = {}
    for gpu in sorted(gpus, key=lambda gpu: gpu.total_gib):
        planned = replace(one, gpu=gpu)
        by_limits.setdefault(activation.limits(planned), []).append(budget(planned).fits)
    assert all(fits == sorted(fits) for fits in by_limits.values())


@given(specs)
def test_eager_mode_never_leaves_less_cache(one):
    assert budget(replace(one, eager=True)).kv_bytes >= budget(replace(one, eager=False)).kv_bytes


@given(st.integers(1, 200), st.integers(1, 16))
def test_pipeline_stages_share_all_layers(layers, ranks):
    assume(ranks <= layers)
    parts = stages(layers, ranks)
    assert sum(stage.layers for stage in parts) == layers
    assert max(s.layers for s in parts) - min(s.layers for s in parts) <= 1
    assert [s.first for s in parts].count(True) == [s.last for s in parts].count(True) == 1


def test_keys_and_values_are_copied_when_ranks_outnumber_their_heads():
    model = CATALOGUE.model("qwen2.5-7b").architecture  # 4 KV heads
    keys = model.parameters.key_value
    shared = model.parameters.linear - keys
    assert linear_per_rank(model, 4) == pytest.approx(shared / 4 + keys / 4)
    assert linear_per_rank(model, 8) == pytest.approx(shared / 8 + keys / 4)


def test_a_correction_is_added_to_its_term_and_shown():
    plain = budget(spec())
    corrected = budget(spec(correction=Correction("mine", activation_bytes=GIB)))
    assert corrected.kv_bytes == plain.kv_bytes - GIB
    assert "+1.000 GiB" in corrected.term("activation").formula


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (spec("llama-3.1-70b"), "exceed the budget by"),
        (spec("qwen3-32b", context=32000, version="0.11.0"), "needs 7.81 GiB of KV cache"),
        (spec(memory_utilization=1.0), "lower the memory utilization"),
        (spec("gpt-oss-20b", quantization="mxfp4", memory_utilization=0.95), "warm-up"),
    ],
)
def test_a_plan_that_does_not_start_has_the_reason(one, words):
    plan = budget(one)
    assert not plan.fits
    assert words in plan.reason


def test_a_t4_holds_a_quantized_8b_but_not_the_16_bit_one():
    assert budget(spec(gpu="t4", quantization="awq-int4")).fits
    assert not budget(spec(gpu="t4")).fits


def test_graphs_are_inside_the_budget_since_0_21():
    old, new = (budget(spec("qwen2.5-7b", version=v, memory_utilization=0.9)) for v in ("0.20.0", "0.24.0"))
    graphs = new.term("graphs").bytes
    assert graphs > 0
    assert abs(old.kv_bytes - new.kv_bytes - graphs) < 0.3 * GIB


def test_the_servers_defaults_follow_the_size_of_the_gpu():
    assert activation.limits(spec(gpu="h100")) == activation.Limits(1024, 8192)
    assert activation.limits(spec(gpu="a100-80gb")) == activation.Limits(256, 2048)
    assert activation.limits(spec(gpu="l4")) == activation.Limits(256, 2048)


@pytest.mark.parametrize(("sequences", "sizes"), [(1, 2), (4, 4), (16, 7), (128, 35), (256, 51), (1024, 51)])
def test_graphs_are_captured_for_the_sizes_that_occur(sequences, sizes):
    assert len(activation.captured_sizes(activation.Limits(sequences, 8192))) == sizes


def test_0_24_profiles_six_families_on_its_second_runner_without_graphs():
    llama, qwen = (spec(m, version="0.24.0", memory_utilization=0.9) for m in ("llama-3.1-8b", "qwen2.5-7b"))
    constants = load_constants()
    assert (constants.regime(llama).logit_copies, constants.regime(qwen).logit_copies) == (1.5, 3.5)
    assert budget(replace(llama, warm_cache=True)).kv_bytes == budget(replace(llama, eager=True)).kv_bytes
    first_runner = replace(llama, runner="v1")
    assert constants.regime(first_runner).logit_copies == 3.5
    assert budget(first_runner).kv_bytes < budget(llama).kv_bytes


def test_a_cold_start_needs_another_embedding_while_it_compiles():
    first = spec(
        version="0.24.0", memory_utilization=0.25, context=4096, concurrency=256, batched_tokens=2048
    )
    later = replace(first, warm_cache=True)
    assert budget(first).term("activation").bytes == 128256 * 4096 * 2 + 2 * 2048 * 4096 * 2
    assert "compilation" in budget(first).term("activation").formula
    assert budget(later).kv_bytes - budget(first).kv_bytes > 0.7 * GIB
    assert budget(replace(first, eager=True)).kv_bytes >= budget(later).kv_bytes


def test_large_tensors_are_rounded_up_to_the_allocators_step():
    """Measured on vLLM 0.24.0: 14.29 GiB, 0.1 more than 2 bytes a parameter; nothing to round in Llama-3.1-8B."""
    qwen, llama = spec("qwen2.5-7b"), spec()
    allocator = load_constants().allocator
    assert rounding_bytes(qwen, allocator) == 28 * 3.5 * MIB
    assert rounding_bytes(llama, allocator) == 0


def test_every_regime_of_the_catalogue_has_constants():
    regimes = load_constants().regimes
    row = next(row for row in CATALOGUE.engines if row.name == "vllm")
    assert {regime.regime for regime in row.regimes} == set(regimes)
