"""Properties that must hold for every spec."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.capacity.memory import budget
from signalbox.capacity.planner.evaluate import evaluate_spec
from signalbox.capacity.planner.plan import combinations, default_catalogue
from signalbox.capacity.planner.request import Request, resolve

ROWS = default_catalogue()
WHOLES = [gpu for gpu in ROWS.gpus if gpu.slice_of is None]
SPECS = st.builds(
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


@settings(max_examples=200)
@given(spec=SPECS, more=st.integers(1, 4096))
def test_a_longer_context_never_fits_more(spec, more):
    longer = replace(spec, context=spec.context + more)
    assert budget(longer).max_concurrency <= budget(spec).max_concurrency
    assert budget(spec).fits or not budget(longer).fits


@settings(max_examples=200)
@given(spec=SPECS, more=st.integers(1, 512))
def test_more_requests_never_leave_more_cache(spec, more):
    assert budget(replace(spec, concurrency=spec.concurrency + more)).kv_bytes <= budget(spec).kv_bytes


@settings(max_examples=200)
@given(spec=SPECS)
def test_more_ranks_never_hold_more_weights_each(spec):
    split = replace(spec, tensor_parallel=spec.tensor_parallel * 2)
    assert budget(split).term("weights").bytes <= budget(spec).term("weights").bytes


@settings(max_examples=200)
@given(spec=SPECS, data=st.data())
def test_a_bigger_gpu_of_the_kind_never_fits_less(spec, data):
    bigger = replace(spec.gpu, total_gib=spec.gpu.total_gib * data.draw(st.floats(1.0, 4.0)))
    assert budget(replace(spec, gpu=bigger)).fits or not budget(spec).fits


@settings(max_examples=100)
@given(spec=SPECS)
def test_the_verdict_is_of_one_piece(spec):
    evaluation = evaluate_spec(spec)
    assert evaluation.fits == (evaluation.budget.fits and not evaluation.violations)
    assert evaluation.budget.reason or evaluation.fits


@settings(max_examples=50)
@given(spec=SPECS)
def test_in_the_table_a_shorter_context_fits_too(spec):
    cells = {(cell.context, cell.concurrency): cell.fits for cell in combinations(spec)}
    for (context, requests), fits in cells.items():
        if fits:
            assert all(shorter for (c, r), shorter in cells.items() if c <= context and r == requests)
