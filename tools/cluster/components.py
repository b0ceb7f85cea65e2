"""Start the processes of the cluster one after the other, each when the one before it is ready."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from string import Template

import yaml

from signalbox.errors import SetupError
from tools.cluster.images import load
from tools.cluster.inside import Inside
from tools.cluster.layout import FILES, Layout
from tools.cluster.pki import make as make_certificates

# File below tools/cluster/files → where it lies in the cluster's folder.
CONFIGURATION = {
    "containerd.toml": "containerd.toml",
    "network.conflist": "network/10-pods.conflist",
    "kubelet.yaml": "kubelet.yaml",
    "proxy.yaml": "proxy.yaml",
    "Corefile": "Corefile",
}
START_SECONDS = 300
Say = Callable[[str], None]


def prepare(layout: Layout, inside: Inside) -> None:
    """Write certificates and configuration; make namespaces, private mounts and the network."""
    make_certificates(layout)
    for name, place in CONFIGURATION.items():
        layout.fill(name, layout.work / place)
    layout.folder("etcd").chmod(0o700)
    inside.make()
    variables = [f"{name}={value}" for name, value in layout.values().items()]
    inside.run("env", *variables, "sh", str(FILES / "prepare.sh"))


def start(inside: Inside, archives: list[Path], say: Say) -> None:
    """Start every process of files/components.yaml; images are imported as soon as containerd is there.

    `rights` names a file of files/ with what a process may ask of the API server, applied before its start.
    """
    table = yaml.safe_load((FILES / "components.yaml").read_text(encoding="utf-8"))
    values = inside.layout.values()
    for name, component in table.items():
        if "rights" in component:
            inside.run("kubectl", "apply", "-f", str(FILES / component["rights"]))
        inside.start(name, *(Template(word).substitute(values) for word in component["command"]))
        if "ready" in component:
            wait(inside, name, *(Template(word).substitute(values) for word in component["ready"]))
        if name == "containerd":
            load(inside, archives)
        say(f"{name} is up")


def wait(inside: Inside, name: str, *words: str, seconds: float = START_SECONDS) -> None:
    """Run a command inside until it succeeds; raises SetupError with the end of the log of `name`."""
    deadline = time.monotonic() + seconds
    while (result := inside.run(*words, check=False)).returncode:
        if time.monotonic() > deadline:
            output = (result.stderr or result.stdout).strip()
            raise SetupError(
                f"{name} is not ready after {seconds:.0f} s. {' '.join(words)}: {output}\n{inside.log(name)}"
            )
        time.sleep(0.2)


def end(inside: Inside) -> None:
    """Ask the processes to end, kill what is left, and with it all pods, mounts and interfaces."""
    pids = inside.layout.work / "pids"
    if inside.pid() is not None and pids.is_dir():
        numbers = [path.read_text(encoding="utf-8").strip() for path in pids.iterdir()]
        inside.run("sh", "-c", 'kill -TERM "$@"', "sh", *numbers, check=False)
    inside.end()
