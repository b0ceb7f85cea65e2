"""The Prometheus operator, kube-state-metrics and a Prometheus, as kube-prometheus-stack runs them: its images cannot be pulled.

Definitions, rights and pods are those of the projects' own modules. Only images, the namespace and the one Prometheus are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.charts.schemas import OPERATOR, module_folder
from tools.cluster.components import wait
from tools.cluster.inside import Inside
from tools.cluster.kserve import apply
from tools.cluster.layout import FILES

STATE_METRICS = "k8s.io/kube-state-metrics/v2@v2.18.0"
NAMESPACE = "monitoring"
# The Service that the operator makes, which the guides forward.
SERVICE = "prometheus-operated"
# Image of the projects, without its tag → the image of tools.cluster.images in its place.
_IMAGES = {
    "quay.io/prometheus-operator/prometheus-operator": "prometheus-operator",
    "quay.io/prometheus-operator/prometheus-config-reloader": "prometheus-config-reloader",
    "registry.k8s.io/kube-state-metrics/kube-state-metrics": "kube-state-metrics",
}


def install(inside: Inside) -> None:
    """Install all of it into the namespace `monitoring`, which must exist, and wait until Prometheus is ready."""
    definitions = sorted((module_folder(OPERATOR) / "example/prometheus-operator-crd").glob("*.yaml"))
    apply(inside, "\n---\n".join(path.read_text(encoding="utf-8") for path in definitions))
    names = ["crd/{1}.{0}".format(*path.stem.split("_")) for path in definitions]
    wait(inside, "kube-apiserver", "kubectl", "wait", "--for=condition=Established", "--timeout=60s", *names)
    apply(inside, yaml.safe_dump_all(objects()))
    rollout = ("kubectl", f"--namespace={NAMESPACE}", "rollout", "status", "--timeout=180s")
    for name in ("deployment/prometheus-operator", "deployment/kube-state-metrics"):
        inside.run(*rollout, name, timeout=200)
    wait(inside, "kube-apiserver", *rollout, "statefulset/prometheus-prometheus")


def remove(inside: Inside) -> None:
    """Remove the rights, which belong to no namespace. The definitions stay, as they came with the cluster."""
    roles = [item for item in objects() if item["kind"].startswith("ClusterRole")]
    inside.run("kubectl", "delete", "--ignore-not-found", "-f", "-", stdin=yaml.safe_dump_all(roles))


def objects() -> list[dict[str, Any]]:
    """Every object apart from the definitions, in the namespace and with images of this cluster."""
    rbac = module_folder(OPERATOR) / "example/rbac"
    files = [
        *sorted((rbac / "prometheus-operator").glob("*.yaml")),
        *(path for path in sorted((rbac / "prometheus").glob("*.yaml")) if path.stem != "prometheus"),
        *sorted((module_folder(STATE_METRICS) / "examples/standard").glob("*.yaml")),
        FILES / "prometheus.yaml",
    ]
    return [_here(item) for path in files for item in _documents(path)]


def _documents(path: Path) -> Iterator[dict[str, Any]]:
    items = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return (item for item in items if item and item["kind"] != "Kustomization")


def _here(item: dict[str, Any]) -> dict[str, Any]:
    """The object in our namespace, its accounts as well, and with our images."""
    text = json.dumps(item)
    for image, name in _IMAGES.items():
        tag = text.partition(f"{image}:")[2].partition('"')[0]
        text = text.replace(f"{image}:{tag}", f"docker.io/signalbox-test/{name}:1") if tag else text
    item = json.loads(text)
    if not item["kind"].startswith("ClusterRole"):
        item["metadata"]["namespace"] = NAMESPACE
    for subject in item.get("subjects", []):
        subject["namespace"] = NAMESPACE
    return item
