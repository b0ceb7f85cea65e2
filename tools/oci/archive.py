"""Docker archives, as `make images-local` writes them, as manifest and blobs for a registry."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from signalbox.errors import InputError
from tools.oci.client import MANIFEST, file_digest, sha256
from tools.oci.layout import Descriptor, canonical

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# Six would be half as fast, and the layers hardly smaller.
_COMPRESSION = 3
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Image:
    """A manifest with its blobs: digest → file."""

    manifest: bytes
    blobs: dict[str, Path]


def unpack(archive: Path, folder: Path) -> Image:
    """The image of an archive; its layers are compressed into `folder`. The same archive has the same digests."""
    with tarfile.open(archive) as outer:
        (entry,) = json.loads(_member(outer, "manifest.json").read())
        config = _member(outer, entry["Config"]).read()
        layers, blobs = [], {}
        for name, diff in zip(entry["Layers"], json.loads(config)["rootfs"]["diff_ids"], strict=True):
            path = folder / f"{diff.replace(':', '-')}.tar.gz"
            _compress(_member(outer, name), path, diff, archive)
            layers.append(_descriptor(path))
            blobs[layers[-1]["digest"]] = path
    target = folder / "config.json"
    target.write_bytes(config)
    blobs[sha256(config)] = target
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": sha256(config), "size": len(config)},
        "layers": layers,
    }
    return Image(canonical(manifest), blobs)


def _compress(layer: IO[bytes], target: Path, diff: str, archive: Path) -> None:
    hasher = hashlib.sha256()
    with target.open("wb") as raw, gzip.GzipFile("", "wb", _COMPRESSION, raw, mtime=0) as file:
        while chunk := layer.read(_CHUNK):
            hasher.update(chunk)
            file.write(chunk)
    if diff != f"sha256:{hasher.hexdigest()}":
        hint = "Delete the archive and build it again: make images-local"
        raise InputError(
            "layer", diff, hint, problem=f"{archive}: the layer {diff} does not have its digest."
        )


def _descriptor(path: Path) -> Descriptor:
    return {"mediaType": _LAYER, "digest": file_digest(path), "size": path.stat().st_size}


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise InputError("archive", archive.name, f"`{name}` in it is not a file.")
    return file
