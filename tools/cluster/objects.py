"""What a cluster has before anything of this project is installed: definitions of other projects, volumes."""

from __future__ import annotations

import yaml

from tools.charts.schemas import CUSTOM, module_folder
from tools.cluster.inside import Inside
from tools.cluster.kserve import apply
from tools.cluster.layout import FILES, Layout

VOLUMES = 24
# Class of the last volumes, which are filled before a pod uses them: no claim takes one that does not name it.
RESERVED = "reserved"
FIRST_RESERVED = 21


def install_definitions(inside: Inside) -> None:
    """Install the custom resources that the charts render, KServe's apart: their controllers are not here."""
    files = [
        module_folder(module) / file
        for module, files in CUSTOM.items()
        for file in files
        if "kserve" not in module
    ]
    apply(inside, "\n---\n".join(file.read_text(encoding="utf-8") for file in files))


def install_volumes(layout: Layout, inside: Inside) -> None:
    """Make volumes beforehand, all alike, for claims to take: a provisioner would be one more thing to run.

    They are of kind `local` and not `hostPath`, so that the kubelet applies a pod's fsGroup as on a real disk.
    """
    layout.fill("volume.yaml", layout.work / "volume.yaml")
    template = (layout.work / "volume.yaml").read_text(encoding="utf-8")
    volumes = [yaml.safe_load((FILES / "storageclass.yaml").read_text(encoding="utf-8"))]
    for number in range(VOLUMES):
        name = f"volume-{number:02}"
        layout.folder(f"volumes/{name}")
        volume = yaml.safe_load(template.replace("VOLUME", name))
        if number >= FIRST_RESERVED:
            volume["spec"]["storageClassName"] = RESERVED
        volumes.append(volume)
    apply(inside, yaml.safe_dump_all(volumes))
