"""Digests of the base images that the Dockerfiles name: whether a tag has moved, and the new digest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from signalbox.errors import InputError
from tools.images.catalogue import IMAGES, ROOT
from tools.oci.client import INDEXES, Registry
from tools.oci.reference import Reference, parse

EXIT_MOVED = 3
_DEFAULT = re.compile(r"^(ARG \w+_IMAGE=)([^$\s]\S*)$", re.MULTILINE)


@dataclass(frozen=True)
class Base:
    """A base image, and the Dockerfiles that name it, from the root."""

    reference: Reference
    dockerfiles: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """What the registry has under the tag of a base."""

    base: Base
    digest: str
    multi_platform: bool

    @property
    def moved(self) -> bool:
        """Whether the tag has another digest than the Dockerfiles, or these have none."""
        return self.base.reference.digest != self.digest

    def line(self) -> str:
        """The result in one line."""
        reference = self.base.reference
        name = f"{reference.host}/{reference.repository}:{reference.tag}"
        note = "" if self.multi_platform else " (one platform only)"
        if not self.moved:
            return f"current     {name} {self.digest}{note}"
        if not reference.digest:
            return f"not pinned  {name} → {self.digest}{note}"
        return f"moved       {name} {reference.digest} → {self.digest}{note}"


def bases(root: Path = ROOT, dockerfiles: Iterable[str] | None = None) -> list[Base]:
    """The base images of all Dockerfiles."""
    names = sorted({image.dockerfile for image in IMAGES} if dockerfiles is None else dockerfiles)
    places: dict[Reference, list[str]] = {}
    for name in names:
        for match in _DEFAULT.finditer((root / name).read_text(encoding="utf-8")):
            reference = parse(match[2])
            if not reference.tag:
                raise InputError(name, match[2], "Add the tag: name:tag@sha256:… shows when the tag moves.")
            places.setdefault(reference, []).append(name)
    return [Base(reference, tuple(dict.fromkeys(files))) for reference, files in places.items()]


def resolve(references: Iterable[Base], *, plain_http: bool = False) -> Iterator[Result]:
    """Ask the registry of each base; raises SetupError if one does not answer."""
    for base in references:
        with Registry(base.reference.host, plain_http=plain_http) as registry:
            head = registry.head(base.reference.repository, base.reference.tag)
        yield Result(base, head.digest, head.media_type in INDEXES)


def update(result: Result, root: Path = ROOT) -> None:
    """Write the digest of a base into the Dockerfiles that name it, after its tag."""
    new = str(result.base.reference.at(result.digest))
    for name in result.base.dockerfiles:
        path = root / name
        text = path.read_text(encoding="utf-8")
        path.write_text(
            _DEFAULT.sub(
                lambda match: match[1] + (new if parse(match[2]) == result.base.reference else match[2]), text
            ),
            encoding="utf-8",
        )


def run(console: Console, *, write: bool, root: Path = ROOT, plain_http: bool = False) -> int:
    """Print each base; exit status 0 if none has moved or all are written, else 3."""
    results = list(resolve(bases(root), plain_http=plain_http))
    moved = [result for result in results if result.moved]
    for result in results:
        console.print(result.line(), highlight=False, markup=False)
    for result in moved if write else ():
        update(result, root)
    if moved and write:
        console.print(f"{len(moved)} written. Build and test the images, then commit.", highlight=False)
    elif moved:
        console.print("To pin them: python -m tools.images bases --update", highlight=False)
    return EXIT_MOVED if moved and not write else 0
