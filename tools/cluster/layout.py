"""Where the cluster keeps its files, which addresses it takes, and where its programs come from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from string import Template

from signalbox.errors import SetupError
from tools.cache import TOOLS, programs_of
from tools.charts.helm import find_tool

FILES = Path(__file__).resolve().parent / "files"
NODE = "signalbox-test"
CGROUP = "signalbox-cluster"
# All of them exist inside the cluster's network namespaces only. OUTSIDE is of a range that is kept for examples.
ADDRESSES = {
    "ADDRESS": "10.77.0.1",
    "ROUTER": "10.77.0.2",
    "OUTSIDE": "203.0.113.1",
    "PODS": "10.78.0.0/24",
    "SERVICES": "10.96.0.0/16",
    "API": "10.96.0.1",
}
# Go modules below tools/ whose programs the cluster runs, those of the last two in pods.
MODULES = ("kubernetes", "kserve", "coredns", "kube-router", "prometheus", "kube-state-metrics")


def module_programs(module: str) -> Path:
    """Where `make cluster-tools` puts the programs of a Go module below tools/."""
    return programs_of(TOOLS / module)


def program_folders() -> list[Path]:
    """All folders with programs of the cluster; raises SetupError when one is not built."""
    folders = [module_programs(module) for module in MODULES]
    for folder in folders:
        if not (folder / ".built").is_file():
            raise SetupError(f"{folder} is not there or not complete. Build it: make cluster-tools")
    return [*folders, Path(find_tool("kubectl")).parent, Path(find_tool("helm")).parent]


@dataclass(frozen=True)
class Layout:
    """The cluster's folder. It must lie on a real disk: containerd's overlays cannot lie on an overlay or tmpfs."""

    work: Path

    def folder(self, name: str) -> Path:
        """A folder below the cluster's, made when it is not there."""
        path = self.work / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def values(self, **more: str) -> dict[str, str]:
        """What ${…} stands for in the files below tools/cluster/files."""
        return ADDRESSES | {"WORK": str(self.work), "NODE": NODE, "CGROUP": CGROUP} | more

    def fill(self, name: str, target: Path, **more: str) -> None:
        """Write a file of tools/cluster/files with its ${…} filled in."""
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(
            Template((FILES / name).read_text(encoding="utf-8")).substitute(self.values(**more)),
            encoding="utf-8",
        )

    def environment(self) -> dict[str, str]:
        """Environment of every process inside the cluster."""
        path = [*map(str, program_folders()), os.environ["PATH"], "/usr/local/sbin:/usr/sbin:/sbin"]
        variables = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        return variables | {
            "PATH": ":".join(path),
            "KUBECONFIG": str(self.work / "pki" / "admin.kubeconfig"),
            # helm keeps plugins and caches here, not in the user's home.
            "HELM_CACHE_HOME": str(self.work / "helm"),
            "HELM_CONFIG_HOME": str(self.work / "helm"),
            "HELM_DATA_HOME": str(self.work / "helm"),
        }
