"""An OCI image layout: a folder with blobs by digest and one index."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signalbox.errors import SetupError
from tools.oci.client import INDEX, MANIFEST, file_digest, sha256

# What the index calls an entry: repository and tag.
REF_NAME = "org.opencontainers.image.ref.name"
Descriptor = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """The folder of a layout."""

    folder: Path

    def create(self) -> None:
        """Start an empty layout."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "blobs" / "sha256").mkdir(parents=True)
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")

    def blob(self, digest: str) -> Path:
        """Path of a blob."""
        return self.folder / "blobs" / Path(*digest.split(":"))

    def add(self, media_type: str, data: bytes) -> Descriptor:
        """Write a blob; returns what a manifest has of it."""
        digest = sha256(data)
        self.blob(digest).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def add_manifest(
        self, config: Descriptor, layers: list[Descriptor], annotations: dict[str, str]
    ) -> Descriptor:
        """Write a manifest."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": layers,
            "annotations": annotations,
        }
        return self.add(MANIFEST, canonical(manifest))

    def write_index(self, names: dict[str, Descriptor]) -> None:
        """Write index.json: name of each entry (`repository:tag`) → its manifest."""
        entries = [
            descriptor | {"annotations": {REF_NAME: name}} for name, descriptor in sorted(names.items())
        ]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        (self.folder / "index.json").write_bytes(canonical(index))

    def index(self) -> dict[str, Descriptor]:
        """The entries of index.json; raises SetupError if there is none or a blob is damaged."""
        path = self.folder / "index.json"
        if not path.is_file():
            raise SetupError(f"{path} does not exist.", hint="Write it: make package")
        entries = json.loads(path.read_bytes())["manifests"]
        for blob in (self.folder / "blobs" / "sha256").iterdir():
            if file_digest(blob) != f"sha256:{blob.name}":
                raise SetupError(f"{blob} does not have its digest.", hint="Write it again: make package")
        return {entry["annotations"][REF_NAME]: entry for entry in entries}


def canonical(content: dict[str, Any]) -> bytes:
    """JSON that is the same for the same content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
