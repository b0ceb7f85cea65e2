"""How a Kubernetes node names its GPU, typed: data/nodes.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from signalbox.capacity.datafile import read


@dataclass(frozen=True)
class GpuOption:
    """A GPU that a label value can mean; `memory_mib` as the provider reports it, None where there is one only."""

    gpu: str
    memory_mib: float | None = None


@dataclass(frozen=True)
class GpuLabel:
    """A label that names the GPU. `values` is None where the values are the products of data/gpus.yaml."""

    label: str
    memory_label: str | None
    values: Mapping[str, tuple[GpuOption, ...]] | None


@dataclass(frozen=True)
class SharingLabel:
    """A label that marks a GPU as shared, unless its value is harmless."""

    label: str
    harmless: tuple[str, ...]


@dataclass(frozen=True)
class NodeTable:
    """Labels in the order tried; then the instance type, whose key is a prefix where it ends in a point."""

    labels: tuple[GpuLabel, ...]
    instance_label: str
    instances: Mapping[str, str]
    sharing: tuple[SharingLabel, ...]
    partition_label: str
    resource: str
    shared_resource: str
    slice_resource: str


@cache
def load_node_table() -> NodeTable:
    """The package's table, parsed once: the file never changes."""
    data = read("nodes.yaml")
    return NodeTable(
        labels=tuple(
            GpuLabel(row["label"], row["memory_label"], row["values"] and _options(row["values"]))
            for row in data["labels"]
        ),
        instance_label=data["instance_label"],
        instances=data["instances"],
        sharing=tuple(SharingLabel(row["label"], tuple(row["harmless"])) for row in data["sharing"]),
        partition_label=data["partition_label"],
        resource=data["resource"],
        shared_resource=data["shared_resource"],
        slice_resource=data["slice_resource"],
    )


def _options(values: Mapping[str, list[dict[str, str]]]) -> dict[str, tuple[GpuOption, ...]]:
    return {
        value: tuple(
            GpuOption(row["gpu"], float(row["memory_mib"]) if "memory_mib" in row else None) for row in rows
        )
        for value, rows in values.items()
    }
