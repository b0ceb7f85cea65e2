"""Corrections from real boots on a cluster: `check-boot --store` writes the file, `plan` reads it.

A boot corrects in two ways. The differences of its terms from the prediction apply to the same model in the same
quantization, on the same GPU, engine regime and parallelism. Memory outside of torch (driver, NCCL) belongs to the
machines, so it applies to other models there too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import yaml
from pydantic import Field, ValidationError

from signalbox.capacity.spec import Correction, Spec
from signalbox.contracts.record import Contract
from signalbox.errors import InputError
from signalbox.io import write_whole

_FILE = "capacity-corrections.yaml"
_HEADER = "# Written by `signalbox check-boot --store`: measured minus predicted, in bytes per GPU. Delete what is wrong.\n"


class HasState(Protocol):
    """What is needed of the settings."""

    @property
    def state_dir(self) -> Path: ...


class Boot(Contract):
    """One boot: its configuration, and measured minus predicted of each term, in bytes per GPU."""

    cluster: str = Field(min_length=1)
    engine: str
    version: str
    regime: str
    gpu: str
    model: str
    quantization: str
    tensor_parallel: int = Field(ge=1)
    pipeline_parallel: int = Field(default=1, ge=1)
    weights_bytes: int = 0
    activation_bytes: int = 0
    graphs_bytes: int = 0
    non_torch_bytes: int = 0
    recorded: datetime
    log: str

    def same_machines(self, spec: Spec) -> bool:
        """Same GPU, engine regime and parallelism."""
        return self._machines == (
            spec.gpu.name,
            spec.engine.name,
            spec.engine.regime,
            spec.tensor_parallel,
            spec.pipeline_parallel,
        )

    def same_spec(self, spec: Spec) -> bool:
        """Same machines, model and quantization."""
        return self.same_machines(spec) and self._model == (spec.model.name, spec.quantization.name)

    def replaces(self, other: Boot) -> bool:
        """Whether the other is an earlier boot of the same configuration."""
        mine = (self.cluster, *self._machines, *self._model)
        return mine == (other.cluster, *other._machines, *other._model)

    @property
    def _machines(self) -> tuple[str, str, str, int, int]:
        return (self.gpu, self.engine, self.regime, self.tensor_parallel, self.pipeline_parallel)

    @property
    def _model(self) -> tuple[str, str]:
        return (self.model, self.quantization)


class CorrectionFile(Contract):
    """The file: boots of all clusters, oldest first, one for each configuration."""

    boots: tuple[Boot, ...] = ()


@dataclass(frozen=True)
class Corrections:
    """The boots of one cluster."""

    cluster: str
    boots: tuple[Boot, ...]

    def of(self, spec: Spec) -> Correction | None:
        """What to add to the prediction of a spec; None without a boot of the same machines."""
        for boot in reversed(self.boots):
            if boot.same_spec(spec):
                return _whole(boot)
        for boot in reversed(self.boots):
            if boot.same_machines(spec):
                return Correction(self.cluster, non_torch_bytes=boot.non_torch_bytes)
        return None


def load_corrections(settings: HasState, cluster: str) -> Corrections:
    """The boots of a cluster, possibly none. Raises InputError for a file that is no corrections file."""
    boots = _read(corrections_path(settings)).boots
    return Corrections(cluster, tuple(boot for boot in boots if boot.cluster == cluster))


def stored_clusters(settings: HasState) -> list[str]:
    """Names of the clusters with stored boots."""
    return sorted({boot.cluster for boot in _read(corrections_path(settings)).boots})


def store_boot(settings: HasState, boot: Boot) -> Path:
    """Add a boot, in place of an earlier one of the same configuration, and return the file's path."""
    path = corrections_path(settings)
    others = tuple(other for other in _read(path).boots if not boot.replaces(other))
    content = CorrectionFile(boots=(*others, boot)).model_dump(mode="json")
    write_whole(path, _HEADER + yaml.safe_dump(content, sort_keys=False))
    return path


def corrections_path(settings: HasState) -> Path:
    return settings.state_dir / _FILE


def _read(path: Path) -> CorrectionFile:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return CorrectionFile()
    try:
        return CorrectionFile.model_validate(yaml.safe_load(text) or {})
    except (yaml.YAMLError, ValidationError) as error:
        hint = f"fix or delete it, then run `signalbox check-boot LOG --store` again: {error}"
        problem = f"`{path}` is not a corrections file"
        raise InputError(str(path), "(not a corrections file)", hint, problem=problem) from error


def _whole(boot: Boot) -> Correction:
    return Correction(
        cluster=boot.cluster,
        weights_bytes=boot.weights_bytes,
        activation_bytes=boot.activation_bytes,
        graphs_bytes=boot.graphs_bytes,
        non_torch_bytes=boot.non_torch_bytes,
    )
