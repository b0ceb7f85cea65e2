"""Every pod that is rendered keeps the Pod Security level `restricted` and the house's own rules on top of it."""

import subprocess
from fnmatch import fnmatch

import pytest
import yaml

from tests.charts.conftest import RENDERS, pods, render_example, tool
from tools.charts import ROOT

OVERLAYS = sorted(path.parent for path in (ROOT / "manifests").rglob("kustomization.yaml"))

# (chart, place of the pod, container, rule): why it is allowed. Places are patterns.
WORKER = "A headless worker of vLLM opens no port that the kubelet could ask; the end of its process restarts the group."
RUNTIME = "A ServingRuntime has no such field: the InferenceService that takes it up says it."
EXCEPTIONS: dict[tuple[str, str, str, str], str] = {
    ("assessor", "ServingRuntime/*.spec", "", "automountServiceAccountToken"): RUNTIME,
    ("manifests", "ServingRuntime/*.spec", "", "automountServiceAccountToken"): RUNTIME,
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
    violations = [("", rule) for rule in ("hostNetwork", "hostPID", "hostIPC") if pod.get(rule)]
    if pod.get("automountServiceAccountToken") is not False:
        violations.append(("", "automountServiceAccountToken"))
    if kind in PROBED and pod.get("terminationGracePeriodSeconds", 30) <= quiet_seconds(pod):
        violations.append(("", "terminationGracePeriodSeconds"))
    for volume in pod.get("volumes", []):
        violations += [("", f"volume {source}") for source in volume.keys() - VOLUMES - {"name"}]
    for group in ("containers", "initContainers"):
        for container in pod.get(group, []):
            probed = group == "containers" and kind in PROBED
            violations += [(container["name"], rule) for rule in _container(container, pod, probed)]
    return violations


def quiet_seconds(pod: dict) -> int:
    """Seconds of preStop and of the engine's own drain, of the container that takes longest: SIGKILL must not come before."""
    return max(_pre_stop(container) + _drain(container) for container in pod["containers"])


def _pre_stop(container: dict) -> int:
    hook = container.get("lifecycle", {}).get("preStop", {})
    if "sleep" in hook:
        return int(hook["sleep"]["seconds"])
    words = hook.get("exec", {}).get("command", [])
    return int(words[1]) if words[:1] == ["sleep"] else 0


def _drain(container: dict) -> int:
    args = container.get("args", [])
    return int(args[args.index("--shutdown-timeout") + 1]) if "--shutdown-timeout" in args else 0


def _container(container: dict, pod: dict, probed: bool) -> list[str]:
    own = container.get("securityContext", {})
    both = pod.get("securityContext", {}) | own
    image = container["image"].partition("@")[0].rpartition("/")[2]
    resources = container.get("resources", {})
    rules = {
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
    return [rule for rule, is_kept in rules.items() if not is_kept]


def excepted(*violations: str) -> bool:
    return any(
        all(fnmatch(value, pattern) for value, pattern in zip(violations, allowed, strict=True))
        for allowed in EXCEPTIONS
    )


@pytest.mark.parametrize(("chart", "example"), RENDERS)
def test_every_pod_is_restricted(chart, example):
    violations = [
        (place, *pair)
        for document in render_example(chart, example)
        for place, pod in pods(document)
        for pair in broken(document["kind"], pod)
        if not excepted(chart, place, *pair)
    ]
    assert violations == []


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_every_pod_of_a_manifest_is_restricted(folder):
    command = [tool("kubectl"), "kustomize", str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    documents = [document for document in yaml.safe_load_all(process.stdout) if document]
    violations = [
        (place, *pair)
        for document in documents
        for place, pod in pods(document)
        for pair in broken(document["kind"], pod)
        if not excepted("manifests", place, *pair)
    ]
    assert violations == []


def test_a_grace_that_ends_before_the_drain_is_found():
    drains = {"name": "a", "image": "a:1", "args": ["--shutdown-timeout", "60"]}
    drains["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", "10"]}}}
    rules = {
        rule
        for _, rule in broken("Deployment", {"containers": [drains], "terminationGracePeriodSeconds": 70})
    }
    assert {"terminationGracePeriodSeconds", "automountServiceAccountToken"} <= rules
    rules = {
        rule
        for _, rule in broken("Deployment", {"containers": [drains], "terminationGracePeriodSeconds": 71})
    }
    assert "terminationGracePeriodSeconds" not in rules


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
