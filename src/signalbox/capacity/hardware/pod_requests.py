"""GPUs that the pods of a cluster request, by the scheduler's rules: pure functions on the API's JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_FINISHED = ("Succeeded", "Failed")


def gpu_requests(pods: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """Requests of all scheduled pods that have not finished, by node and resource."""
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
        requests = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        for resource, quantity in requests.items():
            if resource.startswith("nvidia.com/"):
                total[resource] = total.get(resource, 0) + int(quantity)
    return total
