"""Specifications for the tests, from the catalogue's names."""

from __future__ import annotations

from functools import cache
from typing import Any

from signalbox.capacity.models.catalogue import Catalogue, load
from signalbox.capacity.planner.choose import auto_dtype
from signalbox.capacity.spec import Spec


@cache
def catalogue() -> Catalogue:
    return load()


def spec(model: str, gpu: str, quantization: str, engine: str = "vllm", **fields: Any) -> Spec:
    """A specification of 4,096 tokens in the dtype that the planner selects; `version` is the engine's."""
    rows = catalogue()
    architecture, row = rows.model(model).architecture, rows.gpu(gpu)
    scheme = rows.quantization(quantization)
    defaults: dict[str, Any] = {
        "dtype": auto_dtype(architecture, row, scheme),
        "context": 4096,
        "engine": rows.engine(engine, fields.pop("version", None)),
    }
    return Spec(model=architecture, gpu=row, quantization=scheme, **{**defaults, **fields})
