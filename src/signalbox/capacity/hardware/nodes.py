"""What a Kubernetes node's labels say about its GPUs: pure functions on the API's JSON, the table is data/nodes.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signalbox.capacity.spec import Gpu

_SHARED_SUFFIX, _MIG_INVALID = "-SHARED", "MIG-INVALID"
_FINISHED = ("Succeeded", "Failed")
_MEMORY_TOLERANCE = 0.04  # drivers report a little less or more; the next size is at least 20 % away


@dataclass(frozen=True)
class NodeGpus:
    """GPUs of one kind in one node. `excluded` says why none of them is offered, empty where they are."""

    node: str
    gpu: Gpu | None
    label: str  # what the node says, as found
    total: int
    used: int
    excluded: str = ""

    @property
    def free(self) -> int:
        """Allocatable less what running pods requested; 0 where excluded."""
        return 0 if self.excluded else max(0, self.total - self.used)


def read_nodes(
    nodes: Sequence[Mapping[str, Any]],
    pods: Sequence[Mapping[str, Any]],
    gpus: Sequence[Gpu],
    table: Mapping[str, Any],
) -> list[NodeGpus]:
    """GPUs of all nodes that have some, in the order of the nodes. `table` is data/nodes.yaml."""
    used = _requested(pods)
    return [found for node in nodes for found in _node(node, used, gpus, table)]


def _node(
    node: Mapping[str, Any],
    used: Mapping[tuple[str, str], int],
    gpus: Sequence[Gpu],
    table: Mapping[str, Any],
) -> Iterator[NodeGpus]:
    name, labels = node["metadata"]["name"], node["metadata"].get("labels") or {}
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    says, parent = identify(labels, gpus, table)
    unusable = _unusable(node)
    seen = False
    for resource, quantity in sorted(allocatable.items()):
        kind = _kind(resource, table)
        if kind is None or int(quantity) == 0:
            continue
        seen = True
        gpu, label, excluded = _offered(kind, resource, labels, says, parent, gpus, table)
        yield NodeGpus(name, gpu, label, int(quantity), used.get((name, resource), 0), unusable or excluded)
    if says and not seen:
        yield NodeGpus(
            name, parent, says, 0, 0, "no GPU is allocatable: the device plugin does not run on this node"
        )


def _kind(resource: str, table: Mapping[str, Any]) -> str | None:
    if resource == table["resource"]:
        return "whole"
    if resource.startswith(table["shared_resource"]):
        return "shared"
    if resource.startswith(table["slice_resource"]):
        return "shared" if resource.endswith(".shared") else "slice"
    return None


def _offered(
    kind: str,
    resource: str,
    labels: Mapping[str, str],
    says: str,
    parent: Gpu | None,
    gpus: Sequence[Gpu],
    table: Mapping[str, Any],
) -> tuple[Gpu | None, str, str]:
    """The GPU behind a resource, what the node calls it, and why it is excluded."""
    if kind == "slice":
        profile = resource.removeprefix(table["slice_resource"])
        gpu = _slice(parent, profile, gpus)
        label = labels.get(f"{resource}.product") or f"{says} {profile}"
        return gpu, label, "" if gpu else f"a slice {profile} of {says or 'an unnamed GPU'} is not known"
    sharing = _sharing(labels, says, table) or (f"{resource} is shared" if kind == "shared" else "")
    if sharing:
        return parent, says, f"{sharing}: each container sees the whole GPU, no memory is set aside for it"
    if _MIG_INVALID in says:
        return None, says, "strategy single, but its slices differ: use strategy mixed"
    if partition := labels.get(table["partition_label"]):
        gpu = _slice(parent, partition, gpus)
        return gpu, f"{says} {partition}", "" if gpu else f"a slice {partition} of {says} is not known"
    if parent is None:
        return None, says, f"{says or 'the GPU (no label names it)'} is not in the catalogue"
    return parent, says, ""


def identify(
    labels: Mapping[str, str], gpus: Sequence[Gpu], table: Mapping[str, Any]
) -> tuple[str, Gpu | None]:
    """What the labels say, and the GPU that it means (None: unknown)."""
    for row in table["labels"]:
        value = labels.get(row["label"])
        if not value:
            continue
        memory = _number(labels.get(row["memory_label"] or ""))
        if row["values"] is None:
            return value, _by_product(value.removesuffix(_SHARED_SUFFIX), memory, gpus)
        return value, _by_memory(row["values"].get(value, ()), memory, gpus)
    instance = labels.get(table["instance_label"], "")
    for key, name in table["instances"].items():
        if instance == key or (key.endswith(".") and instance.startswith(key)):
            return instance, _named(name, gpus)
    return "", None


def _by_product(product: str, memory_mib: float | None, gpus: Sequence[Gpu]) -> Gpu | None:
    """The row of a product name; among several sizes of one name, the one of that memory."""
    found = [gpu for gpu in gpus if product in gpu.products]
    if memory_mib is None or len(found) < 2:
        return found[0] if found else None
    return min(found, key=lambda gpu: abs(gpu.nvidia_smi_mib - memory_mib))


def _by_memory(
    options: Sequence[Mapping[str, Any]], memory_mib: float | None, gpus: Sequence[Gpu]
) -> Gpu | None:
    if not options:
        return None
    if memory_mib is None:
        return _named(options[0]["gpu"], gpus)
    nearest = min(options, key=lambda option: abs(option.get("memory_mib", memory_mib) - memory_mib))
    expected = nearest.get("memory_mib", memory_mib)
    # A fraction of a card (g6f) carries the card's name and less memory.
    return _named(nearest["gpu"], gpus) if memory_mib > expected * (1 - _MEMORY_TOLERANCE) else None


def _slice(parent: Gpu | None, profile: str, gpus: Sequence[Gpu]) -> Gpu | None:
    if parent is None:
        return None
    whole = parent.slice_of or parent.name
    return next((gpu for gpu in gpus if gpu.slice_of == whole and gpu.name.endswith(f"-mig-{profile}")), None)


def _sharing(labels: Mapping[str, str], says: str, table: Mapping[str, Any]) -> str:
    if says.endswith(_SHARED_SUFFIX):
        return f"{says} is shared"
    for row in table["sharing"]:
        value = labels.get(row["label"])
        if value and value not in row["harmless"]:
            return f"shared by {row['label']}={value}"
    return ""


def _unusable(node: Mapping[str, Any]) -> str:
    if (node.get("spec") or {}).get("unschedulable"):
        return "the node is cordoned"
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = next((row["status"] for row in conditions if row["type"] == "Ready"), "True")
    return "" if ready == "True" else "the node is not ready"


def _requested(pods: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """What pods that hold a node requested, by node and resource."""
    total: dict[tuple[str, str], int] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if not node or (pod.get("status") or {}).get("phase") in _FINISHED:
            continue
        for resource, count in _pod_request(pod["spec"]).items():
            total[node, resource] = total.get((node, resource), 0) + count
    return total


def _pod_request(spec: Mapping[str, Any]) -> dict[str, int]:
    """Containers and sidecars add up; an init container that ends counts only where it needs more."""
    initial = spec.get("initContainers") or []
    sidecars = [row for row in initial if row.get("restartPolicy") == "Always"]
    steady = _sum([*spec["containers"], *sidecars])
    for row in initial:
        if row not in sidecars:
            steady = {**steady, **{k: max(v, steady.get(k, 0)) for k, v in _sum([row]).items()}}
    return steady


def _sum(containers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for container in containers:
        resources = container.get("resources") or {}
        # A limit without a request is a request: the API server fills it in, a recorded form may not.
        wanted = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        for resource, quantity in wanted.items():
            if resource.startswith("nvidia.com/"):
                total[resource] = total.get(resource, 0) + int(quantity)
    return total


def _named(name: str, gpus: Sequence[Gpu]) -> Gpu | None:
    return next((gpu for gpu in gpus if gpu.name == name), None)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
