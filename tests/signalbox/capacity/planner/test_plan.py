"""The planner's answer: choices left to it, unproven rules, and bad input."""

import pytest

from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request, tensor_parallel
from signalbox.capacity.planner.result import Alternative, Plan
from signalbox.errors import InputError


def plan_of(model: str = "llama-3.1-8b", gpu: str = "l4", **changes: object) -> Plan:
    return plan(Request(model=model, gpu=gpu, **changes))


def follow(model: str, row: Alternative) -> Plan:
    """The plan of an alternative."""
    same = row.model_dump(exclude={"change", "gpu", "gpus", "max_concurrency"})
    return plan_of(model, f"{row.gpus}x{row.gpu}", **same)


# --- choices ----------------------------------------------------------------------------------------------


def test_the_best_quantization_that_fits_is_chosen():
    assert plan_of(gpu="l4").quantization == "bf16"
    small = plan_of(gpu="t4")
    assert small.fits
    assert small.quantization != "bf16"
    assert not plan_of(gpu="t4", quantization="fp16").fits


def test_the_fewest_gpus_that_fit_are_chosen():
    one = plan_of(gpu="2xl4")
    assert (one.tensor_parallel, one.gpus_left) == (1, 1)
    both = plan_of(gpu="2xt4", quantization="fp16", memory_utilization=0.85)
    assert (both.fits, both.tensor_parallel, both.gpus_left) == (True, 2, 0)


def test_a_bare_name_is_one_gpu_unless_parallelism_is_given():
    assert plan_of("llama-3.1-70b", "l4", quantization="bf16").gpus == 1
    assert plan_of("llama-3.1-70b", "h100", quantization="bf16", tensor_parallel=4).gpus == 4


def test_a_checkpoint_published_quantized_is_taken_as_it_is():
    assert plan_of("openai/gpt-oss-20b", "h100").quantization == "mxfp4"
    assert plan_of("RedHatAI/Llama-3.3-70B-Instruct-FP8", "2xh100").quantization == "fp8"


def test_a_file_format_stands_for_what_the_checkpoint_has():
    model = "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8"
    assert plan_of(model, "h100", quantization="compressed-tensors").quantization == "w8a8-int8"
    with pytest.raises(InputError, match=r"--quantization compressed-tensors`.*`fp8` or `w8a8-int8`"):
        plan_of(quantization="compressed-tensors")


def test_bfloat16_is_not_chosen_on_a_gpu_without_it():
    assert plan_of(gpu="t4").dtype == "float16"
    assert plan_of(gpu="l4").dtype == "bfloat16"


def test_choices_are_notes():
    notes = " ".join(plan_of(gpu="2xt4").notes)
    assert "quantization auto" in notes
    assert "dtype auto: float16" in notes
    assert "tp auto" in notes


def test_a_task_gives_the_lengths():
    answer = plan_of(task="tasks/medical")
    assert "task medical" in answer.workload.source
    assert answer.workload.output_tokens == 40
    assert answer.context % 256 == 0
    assert answer.context > answer.workload.input_tokens + answer.workload.output_tokens


def test_a_short_context_of_the_model_is_not_exceeded():
    assert plan_of("phi-3-mini-4k-instruct").context == 4096


# --- the answer -------------------------------------------------------------------------------------------


def test_the_parts_add_up_to_the_gpu():
    answer = plan_of(concurrency=8)
    assert answer.total_gib == pytest.approx(22.03, abs=0.01)
    fields = ("weights", "activation", "graphs", "non_torch", "kv", "reserve")
    assert sum(getattr(answer, f"{name}_gib") for name in fields) == pytest.approx(answer.total_gib, abs=0.01)


def test_an_unsupported_spec_names_the_reason_and_what_fits():
    answer = plan_of(gpu="t4", quantization="bf16", dtype="bf16")
    assert (answer.verdict, answer.fits) == ("unsupported", False)
    assert "bfloat16" in answer.reason.lower() or "bf16" in answer.reason.lower()
    assert answer.nearest is not None
    assert follow("llama-3.1-8b", answer.nearest).fits


@pytest.mark.parametrize(
    ("model", "gpu", "changes"),
    [
        ("llama-3.1-70b", "l4", {"quantization": "bf16"}),
        ("llama-3.1-8b", "t4", {"quantization": "fp16"}),
        ("llama-3.1-8b", "l4", {"quantization": "bf16", "context": 131072}),
        ("deepseek-ai/DeepSeek-V3", "t4", {}),
    ],
)
def test_every_alternative_fits(model, gpu, changes):
    answer = plan_of(model, gpu, **changes)
    assert answer.verdict == "does not fit"
    assert answer.alternatives
    for row in answer.alternatives:
        assert follow(model, row).fits, row.change


def test_a_context_that_is_too_long_is_shortened_before_the_model_is_changed():
    answer = plan_of(quantization="bf16", context=131072)
    assert answer.nearest is not None
    assert answer.nearest.quantization == "bf16"
    assert answer.nearest.gpu == "l4"


def test_the_table_agrees_with_the_planner():
    answer = plan_of(concurrency=8)
    for cell in answer.combinations:
        single = plan_of(quantization=answer.quantization, context=cell.context, concurrency=cell.concurrency)
        fits = single.fits and single.max_concurrency >= cell.concurrency
        assert fits == cell.fits, (cell.context, cell.concurrency)


def test_more_requests_than_fit_is_a_warning():
    rules = {row.rule for row in plan_of(concurrency=64).warnings}
    assert "requests-wait" in rules
    assert "requests-wait" not in {row.rule for row in plan_of(concurrency=2).warnings}


# --- unproven rules ---------------------------------------------------------------------------------------

UNPROVEN = {"model": "llama-3.1-8b", "gpu": "t4", "engine": "tgi", "quantization": "awq"}


def test_a_rule_without_proof_is_overruled_only_on_request():
    strict = plan_of(**UNPROVEN)
    assert (strict.verdict, strict.overruled) == ("unsupported", ())
    assert "--allow-unproven" in strict.violations[0].hint
    answer = plan_of(**UNPROVEN, allow_unproven=True)
    assert (answer.verdict, answer.overruled) == ("fits", ("tgi-generation",))
    assert "tgi-generation" in {row.rule for row in answer.warnings}


def test_a_known_failure_is_never_overruled():
    answer = plan_of(**{**UNPROVEN, "quantization": "bf16", "dtype": "bfloat16"}, allow_unproven=True)
    assert answer.verdict == "unsupported"
    assert "tgi-generation" not in {row.rule for row in answer.violations}
    assert not plan_of(gpu="a100-80gb", quantization="fp8", allow_unproven=True).fits


# --- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "text"),
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
        ({"gpu": "2xl4", "tensor_parallel": 4}, "`--tp` requires 4 GPUs, and `--gpu` names 2× L4"),
        ({"task": "tasks/nonsense"}, "medical, tickets"),
    ],
)
def test_bad_input_is_named_with_its_value(changes, text):
    with pytest.raises(InputError) as error:
        plan_of(**{"model": "llama-3.1-8b", "gpu": "l4", **changes})
    assert text in str(error.value)


def test_tp_is_a_number_or_auto():
    assert tensor_parallel("auto") is None
    assert tensor_parallel("4") == 4
    with pytest.raises(InputError, match="--tp: got 'four'"):
        tensor_parallel("four")


@pytest.mark.parametrize("changes", [{"tensor_parallel": 5}, {"context": 10_000_000}])
def test_what_no_gpu_supports_is_unsupported(changes):
    answer = plan_of("Qwen/Qwen3-14B", "8xh100", **changes)
    assert answer.verdict == "unsupported"
    assert answer.violations[0].hint
