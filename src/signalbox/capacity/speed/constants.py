"""The constants of the speed estimate, typed: data/throughput.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from packaging.version import Version

from signalbox.capacity.datafile import read
from signalbox.capacity.spec import Spec
from signalbox.capacity.units import parse_version

_MICRO, _MILLI, _GIGA = 1e-6, 1e-3, 1e9


@dataclass(frozen=True)
class DecodeConstants:
    """A decode step of an engine and version. `spread`: measured over predicted is between 1/spread and spread."""

    efficiency: float  # share of the nominal bandwidth
    layer_seconds: float
    request_seconds: float
    spread: float
    rows: tuple[
        str, ...
    ]  # the rows of tools/capacity/data/speeds.jsonl that it was fitted on, by their beginning
    source: str


@dataclass(frozen=True)
class PrefillConstants:
    """Reading of prompts: lowest and highest share of the nominal TFLOPS, and the host's own time."""

    low_utilization: float
    high_utilization: float
    low_host_seconds: float
    high_host_seconds: float


@dataclass(frozen=True)
class LinkConstants:
    """Exchange between GPUs: seconds per all-reduce, and bytes per second of PCIe."""

    nvlink_latency_seconds: float
    pcie_latency_seconds: float
    pcie_bytes_per_second: float


@dataclass(frozen=True)
class SpeedConstants:
    """All constants of the estimate."""

    decode: Mapping[str, DecodeConstants]
    old_vllm_until: Version
    prefill: PrefillConstants
    decode_utilization: float
    link: LinkConstants
    slowdowns: Mapping[str, float]  # by quantization: how much slower the range's slow end is

    def decode_name(self, spec: Spec) -> str:
        """The row of `decode` that a specification belongs to."""
        engine = spec.engine
        if engine.name in ("llamacpp", "ollama"):
            return "llamacpp"
        if spec.eager:
            return "eager"
        if engine.name == "tgi":
            return "tgi"
        old = engine.name == "vllm" and parse_version(engine.version) < self.old_vllm_until
        return "vllm-old" if old else "vllm"

    def decode_of(self, spec: Spec) -> DecodeConstants:
        return self.decode[self.decode_name(spec)]


@cache
def load_speed_constants() -> SpeedConstants:
    """The package's constants, parsed once: the file never changes."""
    data = read("throughput.yaml")
    use, host, link = data["prefill"]["utilization"], data["prefill"]["host_ms"], data["link"]
    return SpeedConstants(
        decode={name: _decode(name, row) for name, row in data["decode"].items()},
        old_vllm_until=parse_version(str(data["decode"]["vllm-old"]["until"])),
        prefill=PrefillConstants(use["low"], use["high"], host["low"] * _MILLI, host["high"] * _MILLI),
        decode_utilization=data["decode_utilization"],
        link=LinkConstants(
            nvlink_latency_seconds=link["nvlink_latency_us"] * _MICRO,
            pcie_latency_seconds=link["pcie_latency_us"] * _MICRO,
            pcie_bytes_per_second=link["pcie_gbps"] * _GIGA,
        ),
        slowdowns={name: float(row["factor"]) for name, row in data["slower"].items()},
    )


def _decode(name: str, row: Mapping[str, Any]) -> DecodeConstants:
    basis = "assumed, not measured" if row.get("assumed") else f"fitted on {', '.join(row['rows'])}"
    return DecodeConstants(
        efficiency=float(row["efficiency"]),
        layer_seconds=row["layer_us"] * _MICRO,
        request_seconds=row["request_us"] * _MICRO,
        spread=float(row["spread"]),
        rows=tuple(row["rows"]),
        source=f"data/throughput.yaml, {name}: {basis}",
    )
