"""Every pod that is rendered keeps the Pod Security level `restricted` and the house's own rules on top of it."""

from fnmatch import fnmatch

import pytest

from tests.charts.conftest import RENDERS, pods, render_example

# (chart, place of the pod, container, rule): why it is allowed. Places are patterns.
WORKER = (
    "A headless worker of vLLM opens no port that the kubelet could ask; the end of its process restarts the group."
)
EXCEPTIONS: dict[tuple[str, str, str, str], str] = {
    ("model-server", "LeaderWorkerSet/*.workerTemplate.spec", "worker", "readinessProbe"): WORKER,
    ("model-server", "LeaderWorkerSet/*.workerTemplate.spec", "worker", "livenessProbe"): WORKER,
}

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
PROBED = ("Deployment", "StatefulSet", "LeaderWorkerSet", "InferenceService")


def broken(kind: str, pod: dict) -> list[tuple[str, str]]:
    """The (container, rule) pairs that a pod breaks; the container is empty for rules of the pod."""
    found = [("", rule) for rule in ("hostNetwork", "hostPID", "hostIPC") if pod.get(rule)]
    for volume in pod.get("volumes", []):
        found += [("", f"volume {source}") for source in volume.keys() - VOLUMES - {"name"}]
    for group in ("containers", "initContainers"):
        for container in pod.get(group, []):
            probed = group == "containers" and kind in PROBED
            found += [(container["name"], rule) for rule in _container(container, pod, probed)]
    return found


def _container(container: dict, pod: dict, probed: bool) -> list[str]:
    own = container.get("securityContext", {})
    both = pod.get("securityContext", {}) | own
    image = container["image"].partition("@")[0].rpartition("/")[2]
    resources = container.get("resources", {})
    kept = {
        "runAsNonRoot": both.get("runAsNonRoot") is True and both.get("runAsUser") != 0,
        "seccompProfile": both.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
        "privileged": not own.get("privileged"),
        "capabilities": own.get("capabilities", {}) == {"drop": ["ALL"]},
        "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
        "hostPort": not any(port.get("hostPort") for port in container.get("ports", [])),
        "image tag": ":" in image and not image.endswith(":latest"),
        "resources": {"cpu", "memory"} <= resources.get("requests", {}).keys()
        and "memory" in resources.get("limits", {}),
        "readinessProbe": not probed or "readinessProbe" in container,
        "livenessProbe": not probed or "livenessProbe" in container,
    }
    return [rule for rule, is_kept in kept.items() if not is_kept]


def _excepted(*found: str) -> bool:
    return any(
        all(fnmatch(value, pattern) for value, pattern in zip(found, allowed, strict=True))
        for allowed in EXCEPTIONS
    )


@pytest.mark.parametrize(("chart", "example"), RENDERS)
def test_every_pod_is_restricted(chart, example):
    found = [
        (place, *pair)
        for document in render_example(chart, example)
        for place, pod in pods(document)
        for pair in broken(document["kind"], pod)
        if not _excepted(chart, place, *pair)
    ]
    assert found == []


def test_a_careless_pod_breaks_the_rules():
    pod = {
        "hostNetwork": True,
        "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
        "containers": [
            {"name": "a", "image": "registry.example.org:5000/a", "securityContext": {"privileged": True}}
        ],
    }
    rules = {rule for _, rule in broken("Deployment", pod)}
    assert {"hostNetwork", "volume hostPath", "runAsNonRoot", "privileged", "image tag"} <= rules
    assert {"capabilities", "resources", "readinessProbe", "readOnlyRootFilesystem"} <= rules
