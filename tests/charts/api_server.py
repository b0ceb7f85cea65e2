"""A Kubernetes API server with etcd on loopback, without nodes and controllers: helm installs into it, and nothing runs."""

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import yaml

from tests.charts.conftest import tool
from tools.cluster.layout import module_programs

START_SECONDS = 60


@dataclass(frozen=True)
class ApiServer:
    """Clients of the server."""

    kubeconfig: Path

    def run(self, program: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        words = [tool(program), "--kubeconfig", str(self.kubeconfig), *args]
        process = subprocess.run(words, capture_output=True, text=True, check=False)
        assert not check or process.returncode == 0, process.stderr
        return process

    def objects(self, *args: str) -> dict:
        """What `kubectl get` prints as YAML."""
        return yaml.safe_load(self.run("kubectl", "get", *args, "-o", "yaml").stdout)


def missing_programs() -> str:
    """The programs that this machine lacks; empty if the server can be started."""
    server = module_programs("kubernetes") / "kube-apiserver"
    names = [str(server)] * (not server.is_file()) + ["etcd", "openssl"]
    return ", ".join(name for name in names if not which(name))


def free_ports(count: int) -> list[int]:
    with sockets_on_loopback(count) as sockets:
        return [item.getsockname()[1] for item in sockets]


@contextmanager
def sockets_on_loopback(count: int) -> Iterator[list[socket.socket]]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        yield sockets
    finally:
        for item in sockets:
            item.close()


@contextmanager
def running(folder: Path) -> Iterator[ApiServer]:
    """Start etcd and the API server with their files in `folder`, and stop them afterwards."""
    client, peer, port = free_ports(3)
    token = secrets.token_hex(16)
    (folder / "tokens").write_text(f"{token},admin,admin,system:masters\n", encoding="utf-8")
    subprocess.run(
        ["openssl", "genrsa", "-out", str(folder / "sa.key"), "2048"], check=True, capture_output=True
    )
    processes = []
    try:
        for name, command in (
            ("etcd", etcd_command(folder, client, peer)),
            ("kube-apiserver", server_command(folder, client, port)),
        ):
            with (folder / f"{name}.log").open("wb") as log:
                processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=folder))
        server = ApiServer(kubeconfig(folder, port, token))
        wait_until_ready(server, folder)
        yield server
    finally:
        for process in reversed(processes):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()


def etcd_command(folder: Path, client: int, peer: int) -> list[str]:
    own, other = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={own}",
        f"--advertise-client-urls={own}",
        f"--listen-peer-urls={other}",
        f"--initial-advertise-peer-urls={other}",
        f"--initial-cluster=default={other}",
        "--unsafe-no-fsync",
    ]


def server_command(folder: Path, etcd: int, port: int) -> list[str]:
    key = folder / "sa.key"
    return [
        str(module_programs("kubernetes") / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens'}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
    ]


def kubeconfig(folder: Path, port: int, token: str) -> Path:
    path = folder / "kubeconfig"
    cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    configuration = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    path.chmod(0o600)
    return path


def wait_until_ready(server: ApiServer, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.run("kubectl", "get", "--raw", "/readyz", check=False).returncode:
        log = (folder / "kube-apiserver.log").read_text(encoding="utf-8", errors="replace")
        assert time.monotonic() < deadline, f"the API server is not ready: {log[-2000:]}"
        time.sleep(0.3)
