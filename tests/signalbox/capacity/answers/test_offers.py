"""The machines that hold a model, and the exact largest context."""

from dataclasses import replace

import pytest

from signalbox.capacity.answers.offers import offers
from signalbox.capacity.gpu_names import product
from signalbox.capacity.memory import budget
from signalbox.capacity.planner.evaluate import largest_context
from signalbox.capacity.planner.plan import default_catalogue, plan
from signalbox.capacity.planner.request import Request
from signalbox.errors import InputError
from tests.signalbox.capacity.specs import spec

ROWS = default_catalogue()
ANSWER = offers(Request(model="Llama-3.3-70B-Instruct"), ROWS)


def test_machines_are_in_the_order_of_their_memory():
    sizes = [row.memory_gib for row in ANSWER.offers]
    assert sizes == sorted(sizes)
    assert len(sizes) > 15


def test_every_whole_gpu_of_the_tables_is_answered():
    kinds = {gpu.name for gpu in ROWS.gpus if gpu.tabled and gpu.slice_of is None}
    assert {row.gpu for row in ANSWER.offers} | set(ANSWER.too_small) == kinds


@pytest.mark.parametrize("row", ANSWER.offers[::6], ids=lambda row: row.gpu)
def test_an_offer_fits_when_it_is_planned_alone(row):
    def alone(**changes):
        wish = {"gpu": f"{row.gpus}x{row.gpu}", "quantization": row.quantization, **changes}
        return plan(Request(model="Llama-3.3-70B-Instruct", tensor_parallel=row.gpus, **wish))

    assert alone().fits
    assert round(alone().max_concurrency, 2) == row.max_concurrency
    assert alone(context=row.largest_context).fits
    if row.largest_context < 131072:
        assert not alone(context=row.largest_context + 1).fits


@pytest.mark.parametrize(
    ("model", "gpu", "quantization", "engine"),
    [
        ("llama-3.1-8b", "l4", "bf16", "vllm"),
        ("Qwen3-14B", "rtx-4090", "awq-int4", "vllm"),
        ("llama-3.1-8b", "t4", "gguf-q4_k_m", "llamacpp"),
        ("Llama-3.1-8B", "a10", "bf16", "tgi"),
    ],
)
def test_the_largest_context_is_exact(model, gpu, quantization, engine):
    one = spec(model, gpu, quantization, engine)
    largest = largest_context(one)
    assert budget(replace(one, context=largest)).fits
    assert not budget(replace(one, context=largest + 1)).fits or largest == one.model.max_positions


def test_a_model_that_never_fits_has_no_context():
    assert largest_context(spec("Llama-3.1-405B", "t4", "bf16")) == 0


def test_a_context_as_an_alternative_is_the_largest_that_fits():
    answer = plan(Request(model="llama-3.1-8b", gpu="l4", quantization="bf16", context=100_000))
    changes = [row.context for row in answer.alternatives if row.change.startswith("context ")]
    assert changes == [33120]


def test_an_unknown_model_is_an_input_error():
    with pytest.raises(InputError, match="did you mean"):
        offers(Request(model="lama-3.1-8b"), ROWS)


def test_an_encoder_is_offered_without_figures_of_a_cache():
    answer = offers(Request(model="BAAI/bge-m3"), ROWS)
    assert not answer.kv_cache
    assert "an encoder has no KV cache" in answer.notes[0]
    first = answer.offers[0]
    assert (first.gpu, first.gpus, first.largest_context, first.max_concurrency) == ("t4", 1, 8192, 1.0)
    assert all(row.output_tokens_per_second is None for row in answer.offers)


@pytest.mark.parametrize("model", ["llama-3.1-8b", "mistral-7b-instruct"])
def test_every_offer_with_known_files_is_what_its_plan_starts(model):
    rows = [row for row in offers(Request(model=model), ROWS).offers if row.checkpoint]
    assert len(rows) > 15
    for row in rows:
        answer = plan(Request(model=model, gpu=f"{row.gpus}x{product(row.gpu)}"))
        assert answer.checkpoint == row.checkpoint, row.gpu
        assert answer.quantization == row.quantization, row.gpu


@pytest.mark.parametrize("model", [row.name for row in ROWS.models[::8]])
def test_the_first_offer_with_known_files_leads_to_a_command(model):
    row = next((row for row in offers(Request(model=model), ROWS).offers if row.checkpoint), None)
    assert row is not None
    assert plan(Request(model=model, gpu=f"{row.gpus}x{product(row.gpu)}")).checkpoint == row.checkpoint
