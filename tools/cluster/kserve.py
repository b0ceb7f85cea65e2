"""KServe without cert-manager, Knative and Istio: its own charts' objects, and its manager as a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tools.charts.schemas import module_folder
from tools.cluster.components import wait
from tools.cluster.inside import Inside
from tools.cluster.layout import ADDRESSES
from tools.cluster.pki import encoded, kubeconfig

VERSION = "v0.20.0"
_WEBHOOKS = f"https://{ADDRESSES['ADDRESS']}:9443"
_VALUES = {
    "kserve.controller.deploymentMode": "Standard",
    "kserve.controller.gateway.disableIngressCreation": "true",
    "kserve.controller.gateway.disableIstioVirtualHost": "true",
}


def install(inside: Inside) -> None:
    """Install the definitions, configuration and rights of KServe, and start its manager."""
    charts = module_folder(f"github.com/kserve/kserve@{VERSION}") / "charts"
    inside.run("kubectl", "create", "namespace", "kserve")
    definitions = inside.run("helm", "template", "kserve-crd", str(charts / "kserve-crd")).stdout
    apply(inside, definitions)
    names = [
        f"crd/{item['metadata']['name']}"
        for item in yaml.safe_load_all(definitions)
        if item and item["kind"] == "CustomResourceDefinition"
    ]
    established = ("kubectl", "wait", "--for=condition=Established", "--timeout=1s")
    wait(inside, "kube-apiserver", *established, *names)
    values = [f"--set={name}={value}" for name, value in _VALUES.items()]
    chart = str(charts / "kserve-resources")
    rendered = inside.run("helm", "template", "kserve", chart, "--namespace=kserve", *values).stdout
    authority = encoded(inside.layout.work / "pki" / "ca.crt")
    objects = [outside_of_pods(item, authority) for item in yaml.safe_load_all(rendered) if item]
    apply(inside, yaml.safe_dump_all(item for item in objects if item), "--namespace=kserve")
    _start_manager(inside)


def outside_of_pods(item: dict[str, Any], authority: str) -> dict[str, Any] | None:
    """An object of KServe's chart for a manager that is no pod: webhooks by address; None where it is not needed."""
    if item["kind"] == "Deployment" or item["apiVersion"].startswith("cert-manager.io/"):
        return None
    for webhook in item.get("webhooks", []):
        path = webhook["clientConfig"]["service"]["path"]
        webhook["clientConfig"] = {"url": _WEBHOOKS + path, "caBundle": authority}
        webhook["admissionReviewVersions"] = ["v1"]
    return item


def apply(inside: Inside, objects: str, *args: str) -> None:
    """Apply objects on the server's side: some definitions are too large for kubectl's annotation."""
    command = ("kubectl", "apply", "--server-side", "--force-conflicts", *args, "-f", "-")
    inside.run(*command, stdin=objects)


def _start_manager(inside: Inside) -> None:
    """Start the manager under the account of its chart, so that the chart's own rights are what it has."""
    scratch = inside.layout.folder("kserve")
    served = scratch / "k8s-webhook-server" / "serving-certs"  # where its library looks for them
    served.mkdir(parents=True)
    for kind in ("crt", "key"):
        Path(served / f"tls.{kind}").write_bytes(
            (inside.layout.work / "pki" / f"webhook.{kind}").read_bytes()
        )
    account = ("kubectl", "--namespace=kserve", "create", "token", "kserve-controller-manager")
    token = inside.run(*account, "--duration=24h").stdout.strip()
    config = kubeconfig(inside.layout, "kserve", f"token: {token}")
    ports = ("--metrics-addr=127.0.0.1:8180", "--health-probe-addr=127.0.0.1:8181", "--webhook-port=9443")
    environment = {"TMPDIR": str(scratch), "POD_NAMESPACE": "kserve", "KUBECONFIG": str(config)}
    inside.start("kserve-manager", "manager", *ports, **environment)
    ready = ("curl", "--fail", "--silent", "http://127.0.0.1:8181/readyz")
    wait(inside, "kserve-manager", *ready)
