"""vLLM's profile of a vision encoder: the largest images or the longest video, and the outputs that it keeps.

The sources are vLLM 0.24.0: `MultiModalBudget` (multimodal/encoder_budget.py) for the tokens, `profile_run`
(v1/worker/gpu_model_runner.py) for the order, and the encoders' own files for the tensors of a layer.
"""

from __future__ import annotations

from typing import Protocol

from signalbox.capacity.budget import Peak
from signalbox.capacity.spec import Spec
from signalbox.capacity.units import MIB

_HALF = 2
_UNLIMITED = 999  # items of a kind in a prompt, where no limit is set (config/multimodal.py)


class Batch(Protocol):
    """The limits that a batch is profiled with."""

    @property
    def sequences(self) -> int: ...

    @property
    def tokens(self) -> int: ...


def encoder_peak(spec: Spec, batch: Batch, workspace_bytes: int) -> Peak:
    """The encoder runs before the text model, outside of CUDA graphs: its widest layer with all patches.

    Alive at the peak are the inputs, three tensors of the hidden size that every rank has (the layer's input, its norm or
    the sum after attention, and an output), and what ranks share: queries, keys and values with their rotated copies, or
    the feed-forward part. `workspace_bytes` is the matrix library's.
    """
    vision = spec.model.vision
    if vision is None or not has_images(spec):
        return Peak(0, "")
    tokens, tp = encoder_tokens(spec, batch), spec.tensor_parallel
    patches = tokens * vision.merge
    shared = max(vision.attention * vision.hidden, vision.feed_forward * vision.intermediate)
    deep = vision.deep_features * spec.model.hidden / vision.merge
    width = vision.inputs + 3 * vision.hidden + shared / tp + deep
    words = f"vision encoder: {patches} patches x {width:.0f} x 2 B + matrix workspace {workspace_bytes // MIB} MiB"
    return Peak(round(patches * width * _HALF) + workspace_bytes, words)


def encoder_cache(spec: Spec, batch: Batch) -> float:
    """Bytes of the encoder's outputs, held while the text model is profiled."""
    if not has_images(spec):
        return 0.0
    vision = spec.model.vision
    width = spec.model.hidden * (1 + (vision.deep_features if vision else 0))
    return encoder_tokens(spec, batch) * width * _HALF


def has_images(spec: Spec) -> bool:
    return spec.model.multimodal and spec.images != 0


def encoder_tokens(spec: Spec, batch: Batch) -> int:
    """Tokens that the encoder is profiled with: the largest item of any kind, as often as a batch has it, at least once."""
    vision = spec.model.vision
    if vision is None:
        return batch.tokens
    image = vision.tokens(spec.image_pixels)
    one = image if spec.images is not None else max(image, _video_tokens(spec, image))
    in_prompt = max(1, min(spec.images or _UNLIMITED, spec.context // one))
    return max(1, min(batch.tokens // one, batch.sequences * in_prompt)) * one


def _video_tokens(spec: Spec, image_tokens: int) -> int:
    """A video of the largest images, as many as the context holds. A limit of images turns videos off."""
    vision = spec.model.vision
    most = vision.video_images if vision else 0
    return image_tokens * max(1, min(most, spec.context // image_tokens))
