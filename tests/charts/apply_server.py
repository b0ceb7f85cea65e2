"""A Kubernetes API server with etcd, alone: no controllers, no nodes. What it stores is what a cluster would accept."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from signalbox.errors import SetupError
from tools.cache import TOOLS, programs_of
from tools.charts.helm import find_tool

START_SECONDS = 60
NAMESPACE = "models"
TOKEN = "test"
# Groups of the API server itself; kinds of all other groups with a dot need a definition.
BUILT_IN = ("apps", "autoscaling", "batch", "policy", "networking.k8s.io", "rbac.authorization.k8s.io")
# They require objects that controllers or administrators create.
NO_ADMISSION = ("ServiceAccount", "Priority", "RuntimeClass")


class ApiServer:
    """Runs kubectl and helm against the server."""

    def __init__(self, kubeconfig: Path) -> None:
        self._environment = os.environ | {
            "KUBECONFIG": str(kubeconfig),
            "HELM_CACHE_HOME": str(kubeconfig.parent),
        }

    def run(self, tool: str, *words: str, text: str | None = None) -> str:
        """The output of a command; fails the test with its error."""
        process = self.call(tool, *words, text=text)
        assert process.returncode == 0, process.stderr
        return process.stdout

    def call(self, tool: str, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [find_tool(tool), *words]
        return subprocess.run(
            command, input=text, env=self._environment, capture_output=True, text=True, check=False
        )

    def apply(self, namespace: str, text: str, *options: str) -> None:
        """Server-side apply of objects, as Helm 4, Argo CD and Flux can do it; unknown fields are errors."""
        words = ("--server-side", "--validate=strict", "--namespace", namespace, *options)
        self.run("kubectl", "apply", *words, "-f", "-", text=text)

    def contents(self, namespace: str, text: str) -> dict[str, dict]:
        """Object → what is stored, without resourceVersion: the second apply of a claim raises it without a change."""
        answer = json.loads(
            self.run("kubectl", "get", "--namespace", namespace, "-o", "json", "-f", "-", text=text)
        )
        items = answer["items"] if answer["kind"] == "List" else [answer]
        for item in items:
            del item["metadata"]["resourceVersion"]
        return {f"{item['kind']}/{item['metadata']['name']}": item for item in items}

    def define(self, objects: list[dict]) -> None:
        """Definitions for the kinds of other projects, which accept any field."""
        kinds = {
            (group, version, item["kind"])
            for item in objects
            for group, _, version in [item["apiVersion"].rpartition("/")]
            if group and group not in BUILT_IN
        }
        if not kinds:
            return
        definitions: dict[tuple[str, str], dict] = {}
        for group, version, kind in sorted(kinds):
            definition = definitions.setdefault((group, kind), _definition(group, kind))
            definition["spec"]["versions"].append(
                _version(version, storage=not definition["spec"]["versions"])
            )
        text = yaml.safe_dump_all(definitions.values())
        self.run("kubectl", "apply", "--server-side", "--force-conflicts", "-f", "-", text=text)
        self.run("kubectl", "wait", "--for=condition=Established", "--timeout=30s", "-f", "-", text=text)


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Start etcd and kube-apiserver on loopback; skips the test with the reason if a program is missing."""
    etcd, kubernetes = _programs()
    ports = _free_ports(3)
    (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n", encoding="utf-8")
    key = ["openssl", "genrsa", "-out", str(folder / "sa.key"), "2048"]
    subprocess.run(key, capture_output=True, check=True)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(_kubeconfig(ports[2])), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        processes = [
            subprocess.Popen(command, stdout=log, stderr=log)
            for command in (_etcd(etcd, folder, ports), _kube_apiserver(kubernetes, folder, ports))
        ]
        try:
            server = ApiServer(kubeconfig)
            _wait(server, folder / "log")
            yield server
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait(20)


def _programs() -> tuple[str, str]:
    etcd = shutil.which("etcd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    kubernetes = programs_of(TOOLS / "kubernetes") / "kube-apiserver"
    if etcd is None:
        pytest.skip("etcd is not installed: apt-get install etcd-server")
    if not kubernetes.is_file():
        pytest.skip(f"{kubernetes} is not built: make cluster-tools")
    return etcd, str(kubernetes)


def _etcd(program: str, folder: Path, ports: list[int]) -> list[str]:
    client, peer = (f"http://127.0.0.1:{port}" for port in ports[:2])
    return [
        program,
        "--name=test",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=test={peer}",
        "--unsafe-no-fsync",
    ]


def _kube_apiserver(program: str, folder: Path, ports: list[int]) -> list[str]:
    return [
        program,
        f"--etcd-servers=http://127.0.0.1:{ports[0]}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports[2]}",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=AlwaysAllow",
        f"--disable-admission-plugins={','.join(NO_ADMISSION)}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'sa.key'}",
        f"--service-account-signing-key-file={folder / 'sa.key'}",
    ]


def _kubeconfig(port: int) -> dict:
    cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def _wait(server: ApiServer, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.call("kubectl", "get", "namespace", "default").returncode:
        if time.monotonic() > deadline:
            raise SetupError(
                f"The API server is not ready after {START_SECONDS} s.\n{log.read_text()[-3000:]}"
            )
        time.sleep(0.3)


def _definition(group: str, kind: str) -> dict:
    names = {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{names['plural']}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": []},
    }


def _version(name: str, *, storage: bool) -> dict:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema}}
