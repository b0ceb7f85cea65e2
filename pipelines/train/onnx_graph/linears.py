"""Linear layers of a network written by hand: in fp32, or in int8 with constant scales for their inputs.

Scales are constants (static quantization), so that no text changes the vector of another one in its batch. A few channels
of BERT's activations are ten times as large as the others; each channel is divided by a power of its peak first, and the
weights are multiplied by it (SmoothQuant, arXiv:2211.10438).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from pipelines.train.onnx_graph.graph import MICROSOFT, Graph

Array = NDArray[np.float32]
_EXPONENT = 0.75  # 0 leaves all channels as they are, 1 gives all the same peak; docs/log.md has others
_SMALLEST_SCALE = 1e-2
_BYTE, _INT8 = 255, 127


@dataclass(frozen=True)
class Linear:
    """A layer hidden @ weight + bias; weight is [in, out].

    Layers of one `site` have the same input. The output is scaled for the channels of the site `scaled_for`; a layer with
    `is_scaled` has such an input.
    """

    name: str
    site: str
    weight: Array
    bias: Array
    scaled_for: str = ""
    is_scaled: bool = False


@dataclass(frozen=True)
class Channels:
    """Lowest and highest value of each channel of a layer's input."""

    low: Array
    high: Array

    @property
    def scale(self) -> Array:
        """Divisor of each channel; 1 for that of the median peak."""
        peak = np.maximum(np.abs(self.low), np.abs(self.high))
        ratio = np.maximum(peak / np.median(peak), _SMALLEST_SCALE)
        return np.asarray(ratio**_EXPONENT, dtype=np.float32)

    def quantization(self) -> tuple[np.float32, np.uint8]:
        """Step and zero point of all channels, after their division."""
        low, high = min(0.0, float((self.low / self.scale).min())), float((self.high / self.scale).max())
        step = (max(0.0, high) - low) / _BYTE
        return np.float32(step), np.uint8(round(-low / step))


@dataclass
class FloatLinears:
    """Adds layers in fp32, and keeps the name of the input of each site."""

    graph: Graph
    inputs: dict[str, str] = field(default_factory=dict)

    def add(self, layer: Linear, hidden: str) -> str:
        """The name of the output."""
        self.inputs[layer.site] = hidden
        weight = self.graph.constant(f"{layer.name}.weight", layer.weight)
        return self.graph.add(
            "Add",
            self.graph.add("MatMul", hidden, weight),
            self.graph.constant(f"{layer.name}.bias", layer.bias),
        )

    def rows(self, name: str, table: Array, ids: str) -> str:
        """Rows of a table."""
        return self.graph.add("Gather", self.graph.constant(name, table), ids)


@dataclass
class Int8Linears:
    """Adds layers with int8 weights, one scale for an output channel, and uint8 inputs of these ranges."""

    graph: Graph
    channels: Mapping[str, Channels]
    _bytes: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def add(self, layer: Linear, hidden: str) -> str:
        """The name of the output."""
        weight = layer.weight * self.channels[layer.site].scale[:, None]
        bias = layer.bias
        if layer.scaled_for:
            divisor = self.channels[layer.scaled_for].scale
            weight, bias = weight / divisor, bias / divisor
        step = np.abs(weight).max(axis=0) / _INT8
        quantized = self.graph.constant(f"{layer.name}.weight", np.round(weight / step).astype(np.int8))
        steps = self.graph.constant(f"{layer.name}.step", step.astype(np.float32))
        offset = self.graph.constant(f"{layer.name}.bias", bias.astype(np.float32))
        if layer.site not in self._bytes:
            self._bytes[layer.site] = self._quantize(layer, hidden)
        values, input_step, zero = self._bytes[layer.site]
        inputs = (values, quantized, input_step, steps, zero, "", offset)
        return self.graph.add("MatMulIntegerToFloat", *inputs, domain=MICROSOFT)

    def rows(self, name: str, table: Array, ids: str) -> str:
        """Rows of a table, of which each has a scale of its own."""
        step = np.abs(table).max(axis=1, keepdims=True) / _INT8
        quantized = self.graph.constant(name, np.round(table / step).astype(np.int8))
        steps = self.graph.constant(f"{name}.step", step.astype(np.float32))
        values = self.graph.add("Cast", self.graph.add("Gather", quantized, ids), to=TensorProto.FLOAT)
        return self.graph.add("Mul", values, self.graph.add("Gather", steps, ids))

    def _quantize(self, layer: Linear, hidden: str) -> tuple[str, str, str]:
        """The input of a site as bytes, with the names of their step and zero point."""
        channels = self.channels[layer.site]
        step, zero = channels.quantization()
        names = (
            self.graph.constant(f"{layer.site}.input.step", np.array(step)),
            self.graph.constant(f"{layer.site}.input.zero", np.array(zero)),
        )
        if not layer.is_scaled:
            factor = self.graph.constant(f"{layer.site}.input.factor", 1 / channels.scale)
            hidden = self.graph.add("Mul", hidden, factor)
        return self.graph.add("QuantizeLinear", hidden, *names), *names


def channels_of(
    model: onnx.ModelProto, inputs: Mapping[str, str], rows: Sequence[Sequence[int]]
) -> dict[str, Channels]:
    """Ranges of the tensors `inputs`, by site, while the model reads these token ids one after the other."""
    for name in inputs.values():
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    lows: list[list[Array]] = []
    highs: list[list[Array]] = []
    for row in rows:
        ids = np.array([row], dtype=np.int64)
        values = session.run(list(inputs.values()), {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        lows.append([value.min(axis=(0, 1)) for value in values])
        highs.append([value.max(axis=(0, 1)) for value in values])
    return {
        site: Channels(
            np.min([low[index] for low in lows], axis=0), np.max([high[index] for high in highs], axis=0)
        )
        for index, site in enumerate(inputs)
    }
