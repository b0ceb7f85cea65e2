"""A chart as an archive that is the same bytes each time, and as an artifact of an OCI registry."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from signalbox.errors import InputError
from tools.charts.helm import find_tool
from tools.oci.layout import Descriptor, Layout, canonical
from tools.package.source import Source

# https://helm.sh/docs/topics/registries/#oci-feature-deprecation-and-behavior-changes-with-v380
_CONFIG = "application/vnd.cncf.helm.config.v1+json"
_CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_PROVENANCE = "application/vnd.cncf.helm.chart.provenance.v1.prov"
_ANNOTATION = "org.opencontainers.image."
REPOSITORY = "signalbox/charts"


@dataclass(frozen=True)
class Chart:
    """An archive, and what its Chart.yaml says."""

    archive: Path
    about: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.about["name"])

    @property
    def version(self) -> str:
        """Its version, as SemVer."""
        return str(self.about["version"])

    @property
    def reference(self) -> str:
        """Repository and tag; a tag has no plus sign, and Helm writes an underscore for it."""
        return f"{REPOSITORY}/{self.name}:{self.version.replace('+', '_')}"

    @property
    def signature(self) -> Path:
        """Where Helm looks for its provenance."""
        return self.archive.with_name(f"{self.archive.name}.prov")


def package(folder: Path, target: Path, source: Source) -> Chart:
    """`helm package` of a chart into the folder `target`; raises InputError with Helm's message."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [find_tool("helm"), "package", str(folder), "--destination", scratch]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode:
            raise InputError("chart", folder.name, "Correct the chart.", problem=process.stderr.strip())
        (archive,) = Path(scratch).glob("*.tgz")
        path = target / archive.name
        path.write_bytes(reproducible(archive.read_bytes(), source.seconds))
    return read(path)


def read(archive: Path) -> Chart:
    """The chart of an archive."""
    with tarfile.open(archive) as tar:
        (name,) = [name for name in tar.getnames() if name.count("/") == 1 and name.endswith("/Chart.yaml")]
        member = tar.extractfile(name)
        return Chart(archive, yaml.safe_load(member.read()) if member else {})


def reproducible(archive: bytes, seconds: int) -> bytes:
    """The same files in one order with one time: Helm writes the current time, and subcharts in any order."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {member.name: (file.read() if (file := tar.extractfile(member)) else b"") for member in tar}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(files, key=lambda name: (name.count("/") > 1, name)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(files[name]), seconds, 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return gzip.compress(buffer.getvalue(), mtime=0)


def add(chart: Chart, layout: Layout, source: Source) -> Descriptor:
    """Add a chart, with its provenance if it is signed, as `helm push` would; returns its manifest."""
    config = layout.add(_CONFIG, canonical(chart.about))
    layers = [layout.add(_CONTENT, chart.archive.read_bytes())]
    if chart.signature.is_file():
        layers.append(layout.add(_PROVENANCE, chart.signature.read_bytes()))
    about = {
        "title": chart.name,
        "version": chart.version,
        "description": str(chart.about.get("description", "")),
        "created": source.time,
        "revision": source.commit,
    }
    return layout.add_manifest(
        config, layers, {f"{_ANNOTATION}{key}": text for key, text in about.items() if text}
    )
