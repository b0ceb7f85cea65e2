"""ONNX graphs written by hand: nodes and weights are collected, then checked as one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from signalbox.contracts.encoders import INDEPENDENT_ROWS

OPSET = 20  # the first with a Gelu operator
_IR_VERSION = 10  # the first for opset 23
MICROSOFT = "com.microsoft"  # domain of the operators that only ONNX Runtime has
INPUTS = ("input_ids", "attention_mask")
OUTPUT = "sentence_embedding"


class Graph:
    """Collects nodes and initializers; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[np.generic] | Sequence[int]) -> str:
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:  # noqa: ANN401 - as onnx takes them
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"node_{name}", **attributes))
        return name

    def sentence_encoder(self, name: str, dimension: int, opset: int = OPSET) -> onnx.ModelProto:
        """The model from `INPUTS`, int64 [batch, tokens], to `OUTPUT`, float32 [batch, dimension].

        Its properties say that a row does not depend on its batch, which the encoder service reads.
        """
        tokens = ["batch", "tokens"]
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(item, TensorProto.INT64, tokens) for item in INPUTS],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", dimension])],
            list(self.initializers.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)],
            ir_version=_IR_VERSION,
        )
        helper.set_model_props(model, INDEPENDENT_ROWS)
        onnx.checker.check_model(model)
        return model
