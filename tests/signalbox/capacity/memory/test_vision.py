"""The profile of a vision encoder: tokens by vLLM's budget, and the tensors of the widest layer."""

from dataclasses import replace

import pytest

from signalbox.capacity.memory.activation import limits
from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.memory.vision import encoder_cache, encoder_peak, encoder_tokens
from signalbox.capacity.units import GIB
from tests.signalbox.capacity.specs import spec

WORKSPACE = load_constants().matmul_workspace_bytes


def _qwen(**fields):
    return spec(
        "qwen2.5-vl-7b",
        "h200",
        "bf16",
        batched_tokens=2048,
        **{"context": 32768, "concurrency": 256, **fields},
    )


@pytest.mark.parametrize(("images", "gib"), [(None, 3.8013), (1, 1.9187)])
def test_the_peak_is_that_of_the_boots_on_an_h200(images: int | None, gib: float) -> None:
    """tools/capacity/data/boots-vllm-0.24.0.jsonl: qwen2.5-vl-7b-256-2048-eager and -images-eager."""
    run = _qwen(images=images)
    assert encoder_peak(run, limits(run), WORKSPACE).bytes / GIB == pytest.approx(gib, abs=0.005)


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"context": 8192}, 16384),  # a video is one image at least
        ({"context": 32768}, 32768),
        ({"context": 131072}, 7 * 16384),  # 14 frames, two of which make an image
        ({"context": 131072, "images": 2}, 16384),  # a limit of images turns videos off
        ({"images": 1, "image_pixels": 784 * 1000}, 2000),  # as many as a batch of 2048 tokens holds
        ({"images": 1, "image_pixels": 784 * 100, "concurrency": 3}, 300),  # one in each sequence
        ({"images": 4, "image_pixels": 784 * 100, "concurrency": 3, "context": 250}, 600),  # two in a context
    ],
)
def test_tokens_are_those_of_the_largest_item_in_a_batch(fields: dict[str, int], tokens: int) -> None:
    run = _qwen(**fields)
    assert encoder_tokens(run, limits(run)) == tokens


def test_ranks_share_the_widest_part_of_a_layer_only() -> None:
    one, four = (_qwen(images=1, tensor_parallel=n) for n in (1, 4))
    sizes = [encoder_peak(run, limits(run), 0).bytes for run in (one, four)]
    assert sizes[0] / 4 < sizes[1] < sizes[0]


def test_features_of_inner_layers_are_part_of_the_outputs() -> None:
    run = spec("qwen3-vl-8b", "h200", "bf16", images=1)
    model = run.model
    assert model.vision is not None
    assert encoder_cache(run, limits(run)) == 16384 * 4 * model.hidden * 2
    plain = replace(run, model=replace(model, vision=replace(model.vision, deep_features=0)))
    assert encoder_peak(run, limits(run), 0).bytes > encoder_peak(plain, limits(run), 0).bytes


def test_text_only_has_no_encoder() -> None:
    run = _qwen(images=0)
    assert encoder_peak(run, limits(run), WORKSPACE).bytes == 0
    assert encoder_cache(run, limits(run)) == 0
