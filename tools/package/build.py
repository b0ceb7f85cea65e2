"""Write everything that is published of the charts into one folder."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from signalbox.errors import SetupError
from tools.charts import charts
from tools.oci.client import file_digest
from tools.oci.layout import Layout
from tools.package import provenance
from tools.package.charts import Chart, add, package, read
from tools.package.index import write_index
from tools.package.source import Source, source

# Below the folder. Only these are replaced: a caller may name a folder with other files.
ARCHIVES, LAYOUT, LAYOUT_ARCHIVE = "charts", "oci", "charts.oci.tar"
STATEMENT, SIGNATURE, PUBLIC_KEY = "provenance.json", "provenance.json.asc", "signing-key.gpg"


def build(folder: Path, *, key: str = "", url: str = "") -> Iterator[str]:
    """Write archives, indexes, layout and provenance, signed if there is a key; yields lines for the terminal."""
    origin = source()
    if not origin.commit:
        yield "warning: charts/ has changes that are not committed; the provenance names no commit"
    _clear(folder)
    archives = folder / ARCHIVES
    archives.mkdir(parents=True)
    packages = [package(chart, archives, origin) for chart in charts()]
    if key:
        provenance.sign_charts(packages, key, folder / PUBLIC_KEY)
    write_index(packages, archives, origin, url)
    layout = Layout(folder / LAYOUT)
    layout.create()
    manifests = {chart.reference: add(chart, layout, origin) for chart in packages}
    layout.write_index(manifests)
    _archive(layout.folder, folder / LAYOUT_ARCHIVE, origin)
    statement = provenance.statement(packages, manifests, origin, os.environ.get("IMAGE_SOURCE", ""))
    (folder / STATEMENT).write_text(statement, encoding="utf-8")
    if key:
        provenance.sign_file(folder / STATEMENT, key, folder / SIGNATURE)
    yield from _table(packages)
    yield f"{folder}{'' if key else ' (not signed: KEY names a key of gpg)'}"


def verify(folder: Path) -> Iterator[str]:
    """Compare archives and manifests with the digests of the statement, and signatures with the public key.

    Raises SetupError for the first that differs. A statement that nobody signed proves only that the files belong
    together.
    """
    statement = folder / STATEMENT
    if not statement.is_file():
        raise SetupError(f"{statement} does not exist.", hint="Write it: make package")
    entries = Layout(folder / LAYOUT).index()
    for name, digest in provenance.subjects(statement).items():
        path = folder / ARCHIVES / name
        actual = entries[name]["digest"] if name in entries else file_digest(path) if path.is_file() else ""
        if actual != digest:
            raise SetupError(
                f"{name} does not have the digest of {statement}.", hint="Write it again: make package"
            )
        yield f"{name} {digest}"
    if (folder / PUBLIC_KEY).is_file():
        for archive in sorted((folder / ARCHIVES).glob("*.tgz")):
            provenance.verify(read(archive), folder / PUBLIC_KEY)
            yield f"{archive.name} is signed"


def _clear(folder: Path) -> None:
    for name in (ARCHIVES, LAYOUT):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (LAYOUT_ARCHIVE, STATEMENT, SIGNATURE, PUBLIC_KEY):
        (folder / name).unlink(missing_ok=True)


def _archive(folder: Path, target: Path, origin: Source) -> None:
    """Write a layout as one file, as skopeo and podman read it (`oci-archive:`)."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime, entry.mode = origin.seconds, 0o755 if entry.isdir() else 0o644
        return entry

    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, str(path.relative_to(folder)), recursive=False, filter=plain)


def _table(packages: list[Chart]) -> Iterator[str]:
    for chart in packages:
        kilobytes = chart.archive.stat().st_size / 1000
        yield f"· {chart.archive.name} ({kilobytes:.0f} kB) {file_digest(chart.archive)}"
