"""The planner's answer: choices left to it, bad input, and properties that must hold for every set-up."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.capacity.memory import budget
from signalbox.capacity.planner.plan import combinations, default_catalogue, judge, plan
from signalbox.capacity.planner.request import Request, resolve, tensor_parallel
from signalbox.capacity.planner.result import Alternative, Plan
from signalbox.errors import InputError

ROWS = default_catalogue()
WHOLES = [gpu for gpu in ROWS.gpus if gpu.slice_of is None]


def ask(model: str = "llama-3.1-8b", gpu: str = "l4", **changes: object) -> Plan:
    return plan(Request(model=model, gpu=gpu, **changes))


def follow(model: str, row: Alternative) -> Plan:
    """Ask for what an alternative says."""
    same = row.model_dump(exclude={"change", "gpu", "gpus", "max_concurrency"})
    return ask(model, f"{row.gpus}x{row.gpu}", **same)


# --- choices ----------------------------------------------------------------------------------------------


def test_the_best_quantization_that_fits_is_chosen():
    assert ask(gpu="l4").quantization == "bf16"
    small = ask(gpu="t4")
    assert small.fits
    assert small.quantization != "bf16"
    assert not ask(gpu="t4", quantization="fp16").fits


def test_the_fewest_gpus_that_fit_are_chosen():
    one = ask(gpu="2xl4")
    assert (one.tensor_parallel, one.gpus_left) == (1, 1)
    both = ask(gpu="2xt4", quantization="fp16", memory_utilization=0.85)
    assert (both.fits, both.tensor_parallel, both.gpus_left) == (True, 2, 0)


def test_a_bare_name_is_one_gpu_unless_parallelism_is_given():
    assert ask("llama-3.1-70b", "l4", quantization="bf16").gpus == 1
    assert ask("llama-3.1-70b", "h100", quantization="bf16", tensor_parallel=4).gpus == 4


def test_a_checkpoint_published_quantized_is_taken_as_it_is():
    assert ask("openai/gpt-oss-20b", "h100").quantization == "mxfp4"
    assert ask("RedHatAI/Llama-3.3-70B-Instruct-FP8", "2xh100").quantization == "fp8"


def test_a_file_format_stands_for_what_the_checkpoint_has():
    named = "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8"
    assert ask(named, "h100", quantization="compressed-tensors").quantization == "w8a8-int8"
    with pytest.raises(InputError, match=r"--quantization: got 'compressed-tensors'.*fp8 or w8a8-int8"):
        ask(quantization="compressed-tensors")


def test_bfloat16_is_not_chosen_on_a_gpu_without_it():
    assert ask(gpu="t4").dtype == "float16"
    assert ask(gpu="l4").dtype == "bfloat16"


def test_what_was_chosen_is_said():
    notes = " ".join(ask(gpu="2xt4").notes)
    assert "quantization auto" in notes
    assert "dtype auto: float16" in notes
    assert "tp auto" in notes


def test_a_task_gives_the_lengths():
    found = ask(task="tasks/medical")
    assert "task medical" in found.workload.source
    assert found.workload.output_tokens == 40
    assert found.context % 256 == 0
    assert found.context > found.workload.input_tokens + found.workload.output_tokens


def test_a_short_context_of_the_model_is_not_exceeded():
    assert ask("phi-3-mini-4k-instruct").context == 4096


# --- the answer -------------------------------------------------------------------------------------------


def test_the_parts_add_up_to_the_gpu():
    found = ask(concurrency=8)
    assert found.total_gib == pytest.approx(22.03, abs=0.01)
    fields = ("weights", "activation", "graphs", "non_torch", "kv", "reserve")
    assert sum(getattr(found, f"{name}_gib") for name in fields) == pytest.approx(found.total_gib, abs=0.01)


def test_a_refused_setup_names_the_reason_and_what_works():
    found = ask(gpu="t4", quantization="bf16", dtype="bf16")
    assert (found.verdict, found.fits) == ("refused", False)
    assert "bfloat16" in found.reason.lower() or "bf16" in found.reason.lower()
    assert found.nearest is not None
    assert follow("llama-3.1-8b", found.nearest).fits


@pytest.mark.parametrize(
    ("model", "gpu", "changes"),
    [
        ("llama-3.1-70b", "l4", {"quantization": "bf16"}),
        ("llama-3.1-8b", "t4", {"quantization": "fp16"}),
        ("llama-3.1-8b", "l4", {"quantization": "bf16", "context": 131072}),
        ("deepseek-ai/DeepSeek-V3", "t4", {}),
    ],
)
def test_every_alternative_works(model, gpu, changes):
    found = ask(model, gpu, **changes)
    assert found.verdict == "does not fit"
    assert found.alternatives
    for row in found.alternatives:
        assert follow(model, row).fits, row.change


def test_a_context_that_is_too_long_is_shortened_before_the_model_is_changed():
    found = ask(quantization="bf16", context=131072)
    assert found.nearest is not None
    assert found.nearest.quantization == "bf16"
    assert found.nearest.gpu == "l4"


def test_the_table_agrees_with_the_planner():
    found = ask(concurrency=8)
    for cell in found.combinations:
        single = ask(quantization=found.quantization, context=cell.context, concurrency=cell.concurrency)
        held = single.fits and single.max_concurrency >= cell.concurrency
        assert held == cell.fits, (cell.context, cell.concurrency)


def test_more_requests_than_are_held_is_a_warning():
    rules = {row.rule for row in ask(concurrency=64).warnings}
    assert "requests-wait" in rules
    assert "requests-wait" not in {row.rule for row in ask(concurrency=2).warnings}


# --- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gpu": "l5"}, "did you mean `l4`"),
        ({"gpu": "0xl4"}, "--gpu: got '0xl4'"),
        ({"model": "lama-3.1-8b"}, "did you mean `meta-llama/Llama-3.1-8B`"),
        ({"quantization": "fp9"}, "did you mean `fp"),
        ({"engine": "vlm"}, "did you mean `vllm`"),
        ({"engine_version": "new"}, "engine version: got 'new'"),
        ({"context": -1}, "--context: got -1"),
        ({"context": 0}, "--context: got 0"),
        ({"concurrency": -8}, "--concurrency: got -8"),
        ({"batched_tokens": -1}, "--batched-tokens: got -1"),
        ({"tensor_parallel": 0}, "--tp: got 0"),
        ({"pipeline_parallel": -2}, "--pp: got -2"),
        ({"memory_utilization": 1.5}, "--gpu-memory-utilization: got 1.5"),
        ({"memory_utilization": -0.1}, "--gpu-memory-utilization: got -0.1"),
        ({"dtype": "bf17"}, "--dtype: got 'bf17'"),
        ({"gpu": "2xl4", "tensor_parallel": 4}, "--tp: got 4"),
        ({"task": "tasks/nonsense"}, "medical, tickets"),
    ],
)
def test_bad_input_is_named_with_its_value(changes, said):
    with pytest.raises(InputError) as error:
        ask(**{"model": "llama-3.1-8b", "gpu": "l4", **changes})
    assert said in str(error.value)


def test_tp_is_a_number_or_auto():
    assert tensor_parallel("auto") is None
    assert tensor_parallel("4") == 4
    with pytest.raises(InputError, match="--tp: got 'four'"):
        tensor_parallel("four")


@pytest.mark.parametrize("changes", [{"tensor_parallel": 5}, {"context": 10_000_000}])
def test_what_no_gpu_could_take_is_refused(changes):
    found = ask("Qwen/Qwen3-14B", "8xh100", **changes)
    assert found.verdict == "refused"
    assert found.refusals[0].hint


# --- properties -------------------------------------------------------------------------------------------

SETUPS = st.builds(
    lambda model, gpu, quantization, tensor, context, requests: replace(
        resolve(Request(model=model, gpu=f"8x{gpu}", quantization=quantization), ROWS).spec(
            ROWS.quantization(quantization), tensor
        ),
        context=context,
        concurrency=requests,
    ),
    model=st.sampled_from(["llama-3.1-8b", "gemma-3-27b-it", "Qwen/Qwen3-30B-A3B", "DeepSeek-V3", "phi-2"]),
    gpu=st.sampled_from([gpu.name for gpu in WHOLES]),
    quantization=st.sampled_from(["bf16", "fp8", "awq-int4"]),
    tensor=st.sampled_from([1, 2, 4, 8]),
    context=st.integers(16, 131072),
    requests=st.integers(1, 1024),
)


@settings(max_examples=200, deadline=None)
@given(spec=SETUPS, more=st.integers(1, 4096))
def test_a_longer_context_never_holds_more(spec, more):
    longer = replace(spec, context=spec.context + more)
    assert budget(longer).max_concurrency <= budget(spec).max_concurrency
    assert budget(spec).fits or not budget(longer).fits


@settings(max_examples=200, deadline=None)
@given(spec=SETUPS, more=st.integers(1, 512))
def test_more_requests_never_leave_more_cache(spec, more):
    assert budget(replace(spec, concurrency=spec.concurrency + more)).kv_bytes <= budget(spec).kv_bytes


@settings(max_examples=200, deadline=None)
@given(spec=SETUPS)
def test_more_ranks_never_hold_more_weights_each(spec):
    split = replace(spec, tensor_parallel=spec.tensor_parallel * 2)
    assert budget(split).term("weights").bytes <= budget(spec).term("weights").bytes


@settings(max_examples=200, deadline=None)
@given(spec=SETUPS, data=st.data())
def test_a_bigger_gpu_of_the_kind_never_fits_less(spec, data):
    bigger = replace(spec.gpu, total_gib=spec.gpu.total_gib * data.draw(st.floats(1.0, 4.0)))
    assert budget(replace(spec, gpu=bigger)).fits or not budget(spec).fits


@settings(max_examples=100, deadline=None)
@given(spec=SETUPS)
def test_the_verdict_is_of_one_piece(spec):
    judged = judge(spec)
    assert judged.fits == (judged.budget.fits and not judged.refusals)
    assert judged.budget.reason or judged.fits


@settings(max_examples=50, deadline=None)
@given(spec=SETUPS)
def test_in_the_table_a_shorter_context_holds_too(spec):
    cells = {(cell.context, cell.concurrency): cell.fits for cell in combinations(spec)}
    for (context, requests), fits in cells.items():
        if fits:
            assert all(held for (c, r), held in cells.items() if c <= context and r == requests)
