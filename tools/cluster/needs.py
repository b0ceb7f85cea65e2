"""What a machine must have for the cluster: rights, Debian packages."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

from signalbox.errors import SetupError

# Program → Debian package that brings it.
PACKAGES = {
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "etcd": "etcd-server",
    "ip": "iproute2",
    "ipset": "ipset",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "runc": "runc",
    "socat": "socat",
    "unshare": "util-linux",
    "wrk": "wrk",
}
_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"
_CLONE_NEWNS = 0x20000


def missing_packages() -> list[str]:
    """Names of the Debian packages that are not installed."""
    path = f"{os.environ.get('PATH', '')}:{_SYSTEM}"
    missing = {package for name, package in PACKAGES.items() if shutil.which(name, path=path) is None}
    return sorted(missing)


def missing_right() -> str | None:
    """The right without which no cluster can be started here, in words; None when all are there."""
    if os.geteuid() != 0:
        return "root: it makes namespaces, mounts and cgroups"
    if not _may_unshare():
        return "CAP_SYS_ADMIN (or a seccomp profile that allows unshare): it makes namespaces"
    if not os.access("/sys/fs/cgroup", os.W_OK) or _is_read_only(Path("/sys/fs/cgroup")):
        return "a writable /sys/fs/cgroup: it makes a cgroup for its pods"
    return None


def check_machine() -> None:
    """Raise SetupError with the one line that says which right or which packages this machine lacks."""
    right = missing_right()
    if right:
        raise SetupError(f"The cluster cannot be started here: it needs {right}.")
    packages = missing_packages()
    if packages:
        raise SetupError(f"Debian packages are missing: apt-get install {' '.join(packages)}")


def _may_unshare() -> bool:
    """Whether a mount namespace may be made: tried in a child, so that this process keeps its own."""
    child = os.fork()
    if child == 0:
        os._exit(0 if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) == 0 else 1)
    return os.waitpid(child, 0)[1] == 0


def _is_read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
