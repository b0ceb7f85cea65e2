"""Push the packaged charts, and the archives of the images, to a registry."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from signalbox.errors import InputError, NotFoundError, SetupError
from tools.images.build import archive_of
from tools.images.catalogue import Image, version
from tools.images.registry import Order, check
from tools.oci.archive import unpack
from tools.oci.client import MANIFEST, Registry, sha256
from tools.oci.layout import Layout


@dataclass(frozen=True)
class Target:
    """A registry with the folder in it that all names begin with."""

    host: str
    folder: str
    overwrite: bool = False
    plain_http: bool = False

    @property
    def registry(self) -> str:
        """As the user writes it."""
        return f"{self.host}/{self.folder}" if self.folder else self.host

    def repository(self, name: str) -> str:
        """The repository of a name."""
        return f"{self.folder}/{name}" if self.folder else name

    def connect(self) -> Registry:
        """A connection to it."""
        return Registry(self.host, plain_http=self.plain_http)


def target(registry: str, *, overwrite: bool = False, plain_http: bool = False) -> Target:
    """The target that `REGISTRY` names; raises InputError for what is none."""
    if not registry:
        raise InputError("REGISTRY", "", "Name one: make push REGISTRY=registry.example.org/team")
    check(Order(registry=registry))
    host, _, folder = registry.partition("/")
    return Target(host, folder, overwrite, plain_http)


def push_charts(layout: Layout, to: Target) -> Iterator[str]:
    """Push all entries of a layout; yields a line for each."""
    entries = layout.index()
    with to.connect() as registry:
        for name, descriptor in entries.items():
            repository, _, tag = name.rpartition(":")
            body = layout.blob(descriptor["digest"]).read_bytes()
            manifest = json.loads(body)
            parts = [part["digest"] for part in (manifest["config"], *manifest["layers"])]
            blobs = {digest: layout.blob(digest) for digest in parts}
            yield _push(registry, to, f"{repository}:{tag}", body, blobs)


def push_images(images: Sequence[Image], folder: Path, to: Target) -> Iterator[str]:
    """Push the archives of images; yields a line for each. Raises SetupError before the first if one is missing."""
    archives = {image: archive_of(image, folder) for image in images}
    for image, archive in archives.items():
        if not archive.is_file():
            hint = (
                f"Build it: make images-local IMAGES={image.name}. With docker instead: make images "
                f"REGISTRY={to.registry} PUSH=1, then make push REGISTRY={to.registry} ONLY=charts"
            )
            raise SetupError(f"{archive} does not exist.", hint=hint)
    with to.connect() as registry:
        for image, archive in archives.items():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                content = unpack(archive, Path(scratch))
                name = f"signalbox/{image.name}:{version()}"
                yield _push(registry, to, name, content.manifest, content.blobs)


def _push(registry: Registry, to: Target, name: str, manifest: bytes, blobs: Mapping[str, Path]) -> str:
    path, _, tag = name.rpartition(":")
    repository, digest = to.repository(path), sha256(manifest)
    current = _current(registry, repository, tag)
    line = f"{to.host}/{repository}:{tag}@{digest}"
    if current == digest:
        return f"{line} (unchanged)"
    if current and not to.overwrite:
        hint = "Raise the version, or replace what is there: make push OVERWRITE=1"
        raise InputError(
            "tag", tag, hint, problem=f"{to.host}/{repository}:{tag} has other content: {current}"
        )
    for blob, file in blobs.items():
        registry.upload(repository, blob, file)
    registry.put_manifest(repository, tag, MANIFEST, manifest)
    return line


def _current(registry: Registry, repository: str, tag: str) -> str:
    try:
        return registry.head(repository, tag).digest
    except NotFoundError:
        return ""
