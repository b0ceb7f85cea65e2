"""GPUs of Kubernetes nodes, from their labels: pure functions on the API's JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from signalbox.capacity.hardware.node_table import GpuOption, NodeTable
from signalbox.capacity.hardware.pod_requests import gpu_requests
from signalbox.capacity.spec import Gpu

_SHARED_SUFFIX, _MIG_INVALID = "-SHARED", "MIG-INVALID"
_MEMORY_TOLERANCE = 0.04  # drivers report a little less or more; the next size is at least 20 % away
Kind = Literal["whole", "shared", "slice"]


@dataclass(frozen=True)
class NodeGpus:
    """GPUs of one kind in one node. `excluded` is the reason why none of them is offered, empty where they are."""

    node: str
    gpu: Gpu | None
    label: str  # the label's value, unchanged
    total: int
    used: int
    excluded: str = ""

    @property
    def free(self) -> int:
        """Allocatable less the requests of running pods; 0 where excluded."""
        return 0 if self.excluded else max(0, self.total - self.used)


@dataclass(frozen=True)
class _Offer:
    """The GPU behind a resource, its name on the node, and why it is excluded."""

    gpu: Gpu | None
    label: str
    excluded: str = ""


def read_nodes(
    nodes: Sequence[Mapping[str, Any]],
    pods: Sequence[Mapping[str, Any]],
    gpus: Sequence[Gpu],
    table: NodeTable,
) -> list[NodeGpus]:
    """GPUs of all nodes that have some, in the order of the nodes."""
    requests = gpu_requests(pods)
    reader = _Reader(gpus, table)
    return [row for node in nodes for row in reader.node(node, requests)]


@dataclass(frozen=True)
class _Reader:
    """Reads nodes by the label table, for the GPUs of a catalogue."""

    gpus: Sequence[Gpu]
    table: NodeTable

    def node(self, node: Mapping[str, Any], requests: Mapping[tuple[str, str], int]) -> Iterator[NodeGpus]:
        name, labels = node["metadata"]["name"], node["metadata"].get("labels") or {}
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        label, gpu = self._identify(labels)
        unusable = _unusable(node)
        resources = [
            (resource, kind, int(quantity))
            for resource, quantity in sorted(allocatable.items())
            if (kind := self._kind(resource)) is not None and int(quantity)
        ]
        for resource, kind, count in resources:
            offer = self._offer(kind, resource, labels, label, gpu)
            used = requests.get((name, resource), 0)
            yield NodeGpus(name, offer.gpu, offer.label, count, used, unusable or offer.excluded)
        if label and not resources:
            reason = "no GPU is allocatable: the device plugin does not run on this node"
            yield NodeGpus(name, gpu, label, 0, 0, reason)

    def _kind(self, resource: str) -> Kind | None:
        table = self.table
        if resource == table.resource:
            return "whole"
        if resource.startswith(table.shared_resource):
            return "shared"
        if resource.startswith(table.slice_resource):
            return "shared" if resource.endswith(".shared") else "slice"
        return None

    def _offer(
        self, kind: Kind, resource: str, labels: Mapping[str, str], label: str, gpu: Gpu | None
    ) -> _Offer:
        """`label` and `gpu`: the node's own, of which a slice is a part."""
        if kind == "slice":
            profile = resource.removeprefix(self.table.slice_resource)
            part = labels.get(f"{resource}.product") or f"{label} {profile}"
            return self._slice_offer(gpu, profile, part, label)
        sharing = self._sharing(labels, label) or (f"{resource} is shared" if kind == "shared" else "")
        if sharing:
            reason = f"{sharing}: each container sees the whole GPU, no memory is reserved for it"
            return _Offer(gpu, label, reason)
        if _MIG_INVALID in label:
            return _Offer(None, label, "strategy single, but its slices differ: use strategy mixed")
        if profile := labels.get(self.table.partition_label, ""):
            return self._slice_offer(gpu, profile, f"{label} {profile}", label)
        if gpu is None:
            unknown = label or "the GPU (no label names it)"
            return _Offer(None, label, f"{unknown} is not in the catalogue")
        return _Offer(gpu, label)

    def _slice_offer(self, gpu: Gpu | None, profile: str, part: str, label: str) -> _Offer:
        row = self._slice(gpu, profile)
        unknown = f"the catalogue has no slice {profile} of {label or 'an unnamed GPU'}"
        return _Offer(row, part, "" if row else unknown)

    def _slice(self, gpu: Gpu | None, profile: str) -> Gpu | None:
        if gpu is None:
            return None
        whole = gpu.slice_of or gpu.name
        rows = (row for row in self.gpus if row.slice_of == whole and row.name.endswith(f"-mig-{profile}"))
        return next(rows, None)

    def _identify(self, labels: Mapping[str, str]) -> tuple[str, Gpu | None]:
        """The value of the first label that names the GPU, and the GPU that it means (None: unknown)."""
        for row in self.table.labels:
            value = labels.get(row.label)
            if not value:
                continue
            memory = _number(labels.get(row.memory_label or ""))
            if row.values is None:
                return value, self._by_product(value.removesuffix(_SHARED_SUFFIX), memory)
            return value, self._by_memory(row.values.get(value, ()), memory)
        instance = labels.get(self.table.instance_label, "")
        for key, name in self.table.instances.items():
            if instance == key or (key.endswith(".") and instance.startswith(key)):
                return instance, self._by_name(name)
        return "", None

    def _by_product(self, product: str, memory_mib: float | None) -> Gpu | None:
        """The row of a product name; among several sizes of one name, the one of that memory."""
        rows = [gpu for gpu in self.gpus if product in gpu.products]
        if memory_mib is None or len(rows) < 2:
            return rows[0] if rows else None
        return min(rows, key=lambda gpu: abs(gpu.nvidia_smi_mib - memory_mib))

    def _by_memory(self, options: Sequence[GpuOption], memory_mib: float | None) -> Gpu | None:
        if not options:
            return None
        if memory_mib is None:
            return self._by_name(options[0].gpu)
        sizes = [(memory_mib if row.memory_mib is None else row.memory_mib, row.gpu) for row in options]
        expected, name = min(sizes, key=lambda size: abs(size[0] - memory_mib))
        # A fraction of a card (g6f) carries the card's name and less memory.
        return self._by_name(name) if memory_mib > expected * (1 - _MEMORY_TOLERANCE) else None

    def _by_name(self, name: str) -> Gpu | None:
        return next((gpu for gpu in self.gpus if gpu.name == name), None)

    def _sharing(self, labels: Mapping[str, str], label: str) -> str:
        if label.endswith(_SHARED_SUFFIX):
            return f"{label} is shared"
        for row in self.table.sharing:
            value = labels.get(row.label)
            if value and value not in row.harmless:
                return f"shared by {row.label}={value}"
        return ""


def _unusable(node: Mapping[str, Any]) -> str:
    if (node.get("spec") or {}).get("unschedulable"):
        return "the node is cordoned"
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = next((row["status"] for row in conditions if row["type"] == "Ready"), "True")
    return "" if ready == "True" else "the node is not ready"


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
