"""Download a prefix of an S3 store into a folder: resumed, verified, and skipped where nothing changed.

A file is complete when it has its name. Before that it is a hidden part, whose name contains the version, so that a
later start resumes the part of the same version only. `.download.json` has the versions of the complete files.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx2

from signalbox.artifacts.folder import GIB, Report, check_space, folder_lock
from signalbox.artifacts.s3 import Bucket, StoredObject
from signalbox.errors import InputError, SetupError
from signalbox.io import write_whole

CHECKSUMS = "SHA256SUMS"  # in the prefix: the output of sha256sum
_INDEX, _LOCK, _PART = ".download.json", ".download.lock", ".part"
_PARALLEL_FILES = 4
_ATTEMPTS = 5  # without progress in between
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Target:
    """A file to download: its path in the folder, its object, and its SHA-256 if `SHA256SUMS` lists it."""

    path: str
    item: StoredObject
    sha256: str = ""


def download(
    bucket: Bucket, prefix: str, folder: Path, report: Report, *, wait_seconds: float = 2.0
) -> list[str]:
    """Bring `folder` to the state of `prefix`, and return the paths of the files. One process at a time does so.

    `prefix` is a folder of the bucket or one object. Files of an earlier download that are no longer in the prefix
    are removed; other files are left alone. Raises InputError and SetupError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder, _LOCK, report):
        targets = _targets(bucket, prefix)
        index = _read_index(folder)
        missing = [target for target in targets if not _is_complete(folder, target, index)]
        size = sum(target.item.size for target in missing)
        report(f"{len(targets)} files, {len(missing)} to download ({size / GIB:.2f} GiB)")
        check_space(folder, _missing_bytes(folder, missing, size), "Use a larger volume (persistence.size).")
        with ThreadPoolExecutor(_PARALLEL_FILES) as pool:
            fetches = [
                pool.submit(_fetch, bucket, target, folder, report, wait_seconds) for target in missing
            ]
            try:
                for target, fetch in zip(missing, fetches, strict=True):
                    fetch.result()
                    index[target.path] = target.item.etag
                    write_whole(folder / _INDEX, json.dumps(index, indent=1))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        _remove_others(folder, {target.path for target in targets}, index)
    return [target.path for target in targets]


def _targets(bucket: Bucket, prefix: str) -> list[Target]:
    """The files below a prefix, or the object of that name, with their checksums."""
    base = prefix.strip("/")
    with _network(bucket):
        listing = [
            (item.key[len(base) :].lstrip("/"), item) for item in bucket.objects(f"{base}/" if base else "")
        ]
        files = {path: item for path, item in listing if path and not path.endswith("/")}
        if not files and base:
            files = {PurePosixPath(base).name: item for item in bucket.objects(base) if item.key == base}
        place = f"s3://{bucket.name}/{base}"
        if not files:
            raise InputError("uri", place, "Check the path.", problem=f"`{place}` has no objects.")
        for path in files:
            _check_path(path, place)
        sums = _checksums(bucket, files.pop(CHECKSUMS, None))
    unknown = sorted(sums.keys() - files.keys())
    if unknown:
        raise SetupError(
            f"{CHECKSUMS} in `{place}` lists `{unknown[0]}`, which does not exist.",
            hint="Upload it, or write the list again.",
        )
    return [Target(path, item, sums.get(path, "")) for path, item in files.items()]


def _check_path(path: str, place: str) -> None:
    """An object's key becomes a path: it must stay below the folder, and not hide among the names in use here."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or parts[-1] in (_INDEX, _LOCK):
        raise InputError(
            "uri", place, "Rename the object.", problem=f"`{path}` in `{place}` is no path of a file."
        )


def _checksums(bucket: Bucket, item: StoredObject | None) -> dict[str, str]:
    """Paths and SHA-256 in a list that `sha256sum` wrote."""
    if item is None:
        return {}
    with bucket.content(item) as content:
        lines = b"".join(content.chunks).decode().splitlines()
    rows = (line.split(maxsplit=1) for line in lines if line.strip())
    return {row[1].lstrip("*").removeprefix("./"): row[0].lower() for row in rows if len(row) == 2}


def _read_index(folder: Path) -> dict[str, str]:
    try:
        index: dict[str, str] = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return index


def _is_complete(folder: Path, target: Target, index: Mapping[str, str]) -> bool:
    path = folder / target.path
    return (
        index.get(target.path) == target.item.etag
        and path.is_file()
        and path.stat().st_size == target.item.size
    )


def _missing_bytes(folder: Path, missing: Sequence[Target], size: int) -> int:
    parts = (_part(folder, target) for target in missing)
    return size - sum(part.stat().st_size for part in parts if part.is_file())


def _part(folder: Path, target: Target) -> Path:
    version = hashlib.sha256(target.item.etag.encode()).hexdigest()[:16]
    path = folder / target.path
    return path.with_name(f".{path.name}.{version}{_PART}")


def _fetch(bucket: Bucket, target: Target, folder: Path, report: Report, wait_seconds: float) -> None:
    """Download one file. A connection that breaks off is resumed as long as there is progress."""
    part = _part(folder, target)
    part.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            problem = _append(bucket, target, part)
        except httpx2.TransportError as error:
            problem = f"the connection broke off ({type(error).__name__})"
        if not problem:
            break
        failures = 0 if part.is_file() and part.stat().st_size > before else failures + 1
        if failures >= _ATTEMPTS:
            raise SetupError(
                f"`{target.item.key}` from {bucket.endpoint} could not be downloaded: {problem}.",
                hint="Check the endpoint and the network. What is complete is kept.",
            )
        report(f"{target.path}: {problem}, trying again")
        time.sleep(wait_seconds * failures)
    part.replace(folder / target.path)
    report(f"{target.path}: complete ({target.item.size / GIB:.2f} GiB)")


def _append(bucket: Bucket, target: Target, part: Path) -> str:
    """Complete a part and compare it with its checksums. Returns what is wrong; a wrong part is removed."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with part.open("a+b") as file:
        if target.item.size > file.tell():
            with bucket.content(target.item, file.tell()) as content:
                file.truncate(content.start)
                expected_md5 = content.md5
                for chunk in content.chunks:
                    file.write(chunk)
        else:
            with bucket.content(target.item) as content:
                expected_md5 = content.md5
        file.flush()
        os.fsync(file.fileno())
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        while (expected_md5 or target.sha256) and (block := file.read(_BLOCK)):
            md5.update(block)
            sha256.update(block)
    if size < target.item.size:
        return f"{size} of {target.item.size} bytes arrived"
    expected = (target.item.size, expected_md5 or md5.hexdigest(), target.sha256 or sha256.hexdigest())
    if (size, md5.hexdigest(), sha256.hexdigest()) == expected:
        return ""
    part.unlink()
    return "the content does not match its checksum"


def _remove_others(folder: Path, paths: set[str], index: dict[str, str]) -> None:
    """Remove files of earlier versions and parts of them."""
    for path in set(index) - paths:
        (folder / path).unlink(missing_ok=True)
        del index[path]
    write_whole(folder / _INDEX, json.dumps(index, indent=1))
    for part in folder.rglob(f".*{_PART}"):
        part.unlink()


@contextmanager
def _network(bucket: Bucket) -> Iterator[None]:
    try:
        yield
    except httpx2.TransportError as error:
        raise SetupError(
            f"{bucket.endpoint} does not answer ({type(error).__name__}).",
            hint="Check the endpoint, the NetworkPolicy, and for a private certificate caBundle.",
        ) from error
