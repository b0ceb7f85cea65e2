"""Container images without a registry: two that tests need are built here, those of the project are imported."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from signalbox.errors import SetupError
from tools.cache import images_folder
from tools.cluster.inside import Inside
from tools.cluster.layout import module_programs
from tools.images.bases import SUITE
from tools.images.build import archive_of
from tools.images.catalogue import select

PAUSE = "signalbox-test/pause:1"
# Images of one program that `make cluster-tools` builds: name → (Go module below tools/, program).
PROGRAMS: dict[str, tuple[str, str]] = {
    PAUSE: ("kubernetes", "pause"),
    "signalbox-test/kube-state-metrics:1": ("kube-state-metrics", "kube-state-metrics"),
    "signalbox-test/prometheus:1": ("prometheus", "prometheus"),  # Debian's cannot discover pods
    "signalbox-test/prometheus-config-reloader:1": ("prometheus", "prometheus-config-reloader"),
    "signalbox-test/prometheus-operator:1": ("prometheus", "operator"),
}
# Images that cannot be pulled here, made of Debian packages that are only unpacked: no package manager runs in them.
# curl stands for curlimages/curl in `helm test`; postgres for a database that an operator would run; node-exporter for
# the exporter of the jobs' metrics. Name → (packages, entrypoint).
DEBIAN: dict[str, tuple[str, tuple[str, ...]]] = {
    "signalbox-test/curl:1": ("ca-certificates,coreutils,curl,dash", ()),
    "signalbox-test/node-exporter:1": ("prometheus-node-exporter", ("/usr/bin/prometheus-node-exporter",)),
    "signalbox-test/postgres:1": ("coreutils,dash,postgresql-15,tzdata", ()),
}
_HEAVY = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache", "var/lib")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def make_own(folder: Path, scratch: Path) -> list[Path]:
    """Archives of the images of one program and of the Debian images; the latter are cached in `folder` between clusters."""
    archives = []
    for name, (module, program) in PROGRAMS.items():
        root = scratch / name.rpartition("/")[2].partition(":")[0]
        (root / "bin").mkdir(parents=True)  # where the Prometheus operator looks for its reloader
        shutil.copy2(module_programs(module) / program, root / "bin" / program)
        archives.append(root.with_suffix(".tar"))
        archive(archives[-1], name, root, (f"/bin/{program}",))
    folder.mkdir(parents=True, exist_ok=True)
    for name, (packages, entrypoint) in DEBIAN.items():
        archives.append(folder / f"{name.rpartition('/')[2].replace(':', '-')}.tar")
        if not archives[-1].exists():
            archive(archives[-1], name, _debian(scratch / archives[-1].stem, packages), entrypoint)
    return archives


def project_archives(names: list[str]) -> list[Path]:
    """The archives that `make images-local` made of these images; raises SetupError when one is not there."""
    archives = [archive_of(image, images_folder()) for image in select(names)]
    for path in archives:
        if not path.is_file():
            raise SetupError(f"{path} does not exist.", hint="Build it: make images-local")
    return archives


def archive(target: Path, name: str, root: Path, command: tuple[str, ...]) -> None:
    """Write a docker archive of one layer: the same folder gives the same bytes."""
    layer = _layer(root)
    digest = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Env": [_PATH], **({"Entrypoint": list(command)} if command else {})},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    body = json.dumps(config).encode()
    place = f"{hashlib.sha256(body).hexdigest()}.json"
    manifest = [{"Config": place, "RepoTags": [name], "Layers": ["layer.tar"]}]
    half = target.with_suffix(".half")
    with tarfile.open(half, "w") as tar:
        for member, data in (
            (place, body),
            ("layer.tar", layer),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    half.rename(target)


def load(inside: Inside, archives: list[Path]) -> None:
    """Import archives into containerd, where the kubelet looks for them."""
    for path in archives:
        inside.run("ctr", "--namespace=k8s.io", "images", "import", str(path.resolve()), timeout=300)


def _layer(root: Path) -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for base, folders, files in os.walk(root):
            folders.sort()
            for name in sorted(folders + files):
                path = Path(base, name)
                tar.add(path, arcname=str(path.relative_to(root)), recursive=False, filter=_plain)
    return layer.getvalue()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """An entry without time and owner; devices are left out, for the runtime makes them."""
    entry.mtime = entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return None if entry.isdev() else entry


def _debian(root: Path, packages: str) -> Path:
    """A root of unpacked Debian packages with the user of the charts' pods."""
    command = ["mmdebstrap", "--quiet", "--variant=extract", "--mode=root", f"--include={packages}"]
    subprocess.run([*command, SUITE, str(root)], check=True, capture_output=True)
    for heavy in _HEAVY:
        shutil.rmtree(root / heavy, ignore_errors=True)
    (root / "etc" / "passwd").write_text("signalbox:x:10001:10001::/tmp:/bin/sh\n", encoding="utf-8")
    return root
