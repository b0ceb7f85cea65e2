"""The measured constants, typed: read once from data/constants.yaml and passed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from signalbox.capacity.datafile import read
from signalbox.capacity.spec import GIB, Gpu, Spec

_MIB = 2**20
_FALLBACK_REGIME = "vllm-0.23"


@dataclass(frozen=True)
class Graphs:
    """CUDA graphs: base + layers x layer [+ moe] where `sizes` decode batches are captured.

    The share `fixed` is there however few are captured, the rest is in proportion.
    """

    base_gib: float
    layer_gib: float
    moe_gib: float
    sizes: int
    fixed: float
    source: str


@dataclass(frozen=True)
class Regime:
    """How a range of vLLM versions uses memory."""

    name: str
    logit_copies: float  # of max_num_seqs x vocab x 4 bytes, at the sampler's peak
    logit_rows: bool  # one more row of the vocabulary for each multiprocessor
    sampled_states: int  # copies of the hidden states of the sampled rows
    cold_states: int  # copies of all hidden states while compiling
    experts_stay: bool  # the experts' workspace is kept, so that the sampler's peak has it too
    graphs_inside: bool  # CUDA graphs are taken off the budget
    tokens_by_concurrency: bool
    chunks_are_full: bool
    mxfp4_warm_up: float  # copies of max_num_seqs x vocab x 4 bytes that must be free outside the budget
    mxfp4_inner: int  # granule that the inner width of MXFP4 experts is padded to
    graphs: Graphs
    non_torch_gib: Mapping[int, float]  # by tensor-parallel ranks
    rows: tuple[str, ...]
    runners: tuple[Mapping[str, Any], ...] = ()  # families that run otherwise, and what differs


@dataclass(frozen=True)
class Measured:
    """Constants that all regimes share, and the regimes."""

    regimes: Mapping[str, Regime]
    matmul_workspace_bytes: int
    pipeline_non_torch_bytes: int
    layer_hidden_copies: float
    attention_queries: int
    allocator_step_bytes: int
    own_segment_bytes: int
    lean_families: tuple[str, ...]  # whose feed-forward layers hold one copy less than the others
    context_bytes: tuple[int, int]  # of one rank alone, of one of several
    least_outside_bytes: int
    multiprocessors: Mapping[str, int]
    training: tuple[str, ...]

    def regime(self, spec: Spec) -> Regime:
        """Of that engine and model; engines without one of their own are planned as a vLLM of 0.21 or later."""
        found = self.regimes.get(spec.engine.regime, self.regimes[_FALLBACK_REGIME])
        for runner in found.runners:
            chosen = spec.model.family in runner["families"] if spec.runner is None else spec.runner == "v2"
            if chosen:
                changed = {k: v for k, v in runner.items() if k != "families"}
                if "graphs" in changed:
                    changed["graphs"] = Graphs(**changed["graphs"])
                return replace(found, **changed)
        return found

    def multiprocessors_of(self, gpu: Gpu) -> int:
        """Of a GPU, or of the GPU that a slice is cut from."""
        return self.multiprocessors.get(gpu.slice_of or gpu.name, max(self.multiprocessors.values()))


@cache
def load_constants() -> Measured:
    """The package's constants, read once: they never change."""
    data = read("constants.yaml")
    regimes = {name: _regime(name, row) for name, row in data["vllm"].items()}
    common = data["common"]
    context = common["context_gib"]
    return Measured(
        regimes=regimes,
        matmul_workspace_bytes=common["matmul_workspace_mib"]["value"] * _MIB,
        pipeline_non_torch_bytes=_bytes(common["pipeline_non_torch_gib"]["value"]),
        layer_hidden_copies=common["layer_hidden_copies"]["value"],
        attention_queries=common["attention_queries"]["value"],
        allocator_step_bytes=common["allocator"]["step_mib"] * _MIB,
        own_segment_bytes=common["allocator"]["own_segment_mib"] * _MIB,
        lean_families=tuple(common["lean_families"]),
        context_bytes=(_bytes(context["single"]), _bytes(context["several"])),
        least_outside_bytes=_bytes(common["least_outside_gib"]["value"]),
        multiprocessors=data["multiprocessors"],
        training=_training(data),
    )


def _regime(name: str, row: Mapping[str, Any]) -> Regime:
    return Regime(
        **{
            **row,
            "name": name,
            "graphs": Graphs(**row["graphs"]),
            "rows": tuple(row["rows"]),
            "runners": tuple(row.get("runners", ())),
        }
    )


def _bytes(gib: float) -> int:
    return round(gib * GIB)


def _training(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids of all cases that a constant was read from."""
    rows = [row for part in ("vllm", "common") for row in data[part].values() if isinstance(row, dict)]
    return tuple(sorted({case for row in rows for case in row.get("rows", ())}))
