"""The measured constants of vLLM and TGI, typed: data/constants.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from signalbox.capacity.datafile import read
from signalbox.capacity.spec import Gpu, Spec
from signalbox.capacity.units import GIB, MIB

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
    graphs_inside: bool  # CUDA graphs are subtracted from the budget
    tokens_by_concurrency: bool
    chunks_are_full: bool
    state_blocks: int  # of a request in each group of state layers, by default
    mxfp4_warm_up: float  # copies of max_num_seqs x vocab x 4 bytes that must be free outside the budget
    mxfp4_inner: int  # granule that the inner width of MXFP4 experts is padded to
    graphs: Graphs
    non_torch_gib: Mapping[int, float]  # by tensor-parallel ranks
    rows: tuple[str, ...]
    runner_families: frozenset[str] = frozenset()  # families that run on vLLM's second model runner
    runner: Regime | None = None  # the regime of that runner; None: there is none

    def of(self, spec: Spec) -> Regime:
        """The regime of the model runner that a configuration uses."""
        if self.runner is None:
            return self
        second = spec.model.family in self.runner_families if spec.runner is None else spec.runner == "v2"
        return self.runner if second else self


@dataclass(frozen=True)
class Allocator:
    """torch's allocator: tensors of `own_segment_bytes` and more have a segment in steps of `step_bytes`."""

    step_bytes: int
    own_segment_bytes: int


@dataclass(frozen=True)
class Constants:
    """Constants that all regimes share, and the regimes."""

    regimes: Mapping[str, Regime]
    matmul_workspace_bytes: int
    pipeline_non_torch_bytes: int
    layer_hidden_copies: float
    attention_queries: int
    allocator: Allocator
    lean_families: frozenset[str]  # whose feed-forward layers hold one copy less than the others
    single_context_bytes: int  # the CUDA context of one rank alone
    shared_context_bytes: int  # of one of several ranks on large GPUs, with NCCL
    least_outside_bytes: int
    multiprocessors: Mapping[str, int]
    logged_versions: tuple[str, ...]  # releases of vLLM with a compared boot whose limits are stated
    training: tuple[str, ...]  # ids of all cases that a constant was read from

    def regime(self, spec: Spec) -> Regime:
        """The regime of an engine and model; engines without one of their own are planned as vLLM 0.21 or later."""
        return self.regimes.get(spec.engine.regime, self.regimes[_FALLBACK_REGIME]).of(spec)

    def context_bytes(self, *, shared: bool) -> int:
        return self.shared_context_bytes if shared else self.single_context_bytes

    def multiprocessors_of(self, gpu: Gpu) -> int:
        """Of a GPU, or of the GPU that a slice is cut from."""
        return self.multiprocessors.get(gpu.slice_of or gpu.name, max(self.multiprocessors.values()))


@cache
def load_constants() -> Constants:
    """The package's constants, parsed once: the file never changes."""
    data = read("constants.yaml")
    common = data["common"]
    return Constants(
        regimes={name: _regime(name, row) for name, row in data["vllm"].items()},
        matmul_workspace_bytes=common["matmul_workspace_mib"]["value"] * MIB,
        pipeline_non_torch_bytes=_bytes(common["pipeline_non_torch_gib"]["value"]),
        layer_hidden_copies=common["layer_hidden_copies"]["value"],
        attention_queries=common["attention_queries"]["value"],
        allocator=Allocator(
            step_bytes=common["allocator"]["step_mib"] * MIB,
            own_segment_bytes=common["allocator"]["own_segment_mib"] * MIB,
        ),
        lean_families=frozenset(common["lean_families"]),
        single_context_bytes=_bytes(common["context_gib"]["single"]),
        shared_context_bytes=_bytes(common["context_gib"]["several"]),
        least_outside_bytes=_bytes(common["least_outside_gib"]["value"]),
        multiprocessors=data["multiprocessors"],
        logged_versions=tuple(data["logged_versions"]),
        training=_training(data),
    )


def _regime(name: str, row: Mapping[str, Any]) -> Regime:
    fields = {key: value for key, value in row.items() if key != "second_runner"}
    regime = Regime(**{**fields, "name": name, "graphs": Graphs(**row["graphs"]), "rows": tuple(row["rows"])})
    changes = dict(row.get("second_runner") or {})
    if not changes:
        return regime
    families = frozenset(changes.pop("families"))
    if "graphs" in changes:
        changes["graphs"] = Graphs(**changes["graphs"])
    return replace(regime, runner_families=families, runner=replace(regime, **changes))


def _bytes(gib: float) -> int:
    return round(gib * GIB)


def _training(data: Mapping[str, Any]) -> tuple[str, ...]:
    rows = [row for part in ("vllm", "common") for row in data[part].values() if isinstance(row, dict)]
    return tuple(sorted({case for row in rows for case in row.get("rows", ())}))
