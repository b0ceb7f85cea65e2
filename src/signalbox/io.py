"""Crash-safe files: written whole or not at all, and append-only logs of rows."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

from signalbox.errors import InputError

STATE_DIR = Path("run")  # default of the setting `state_dir`, for commands that start without the settings


def write_whole(path: Path, content: str | bytes, *, mode: int = 0o666) -> None:
    """Put `content` (text as UTF-8) in the place of `path`, durably; creates its folder. `mode` is cut by the umask.

    A reader never sees half of the file, and after a power cut it is the old or the new one. Several writers may
    do this at once, on a shared file system too: the last one's file stays. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    # Hidden, and of another suffix, so that no glob for the real files finds it.
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_output(path: Path, text: str, option: str, *, overwrite: bool) -> None:
    """Write a file that an option of the command line names. Raises InputError for one that exists or cannot be written."""
    if path.exists() and not overwrite:
        problem = f"`{path}` (`{option}`) exists"
        raise InputError(option, str(path), "use another path, or --overwrite", problem=problem)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = f"cannot write `{path}` (`{option}`): {error.strerror}"
        raise InputError(option, str(path), "use a path in a folder that exists", problem=problem) from error


class AppendLog:
    """An append-only file of rows, one JSON document a line. A row is on disk when `append` returns.

    Call `load` before the first `append`: a crash while writing leaves a torn last line, which `load` cuts off so
    that the next row is not glued to it. Processes that share a log must lock it themselves.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> list[bytes]:
        """The rows as UTF-8 JSON, oldest first; none when there is no file. Raises OSError."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))
        return _lines(whole)

    def rows(self) -> list[bytes]:
        """The same without a change to the file: of a log that another process may be writing."""
        content = self.path.read_bytes() if self.path.exists() else b""
        return _lines(content[: content.rfind(b"\n") + 1])

    def append(self, *rows: str) -> None:
        """Add rows durably, all or none; creates file and folder. A row is JSON text without a newline.

        Raises OSError, for example on a full disk; the file is then as before.
        """
        if any("\n" in row for row in rows):
            raise ValueError("a row of a log has no newline")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        # Unbuffered: what failed to be written must not be written later, when the file is closed.
        with self.path.open("ab", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            try:
                rest = memoryview("".join(f"{row}\n" for row in rows).encode())
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(end)
                raise
        if is_new:
            sync_folder(self.path.parent)

    def clear(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def sync_files(folder: Path) -> None:
    """Make the files of a folder durable with their names, before a name leads to the folder."""
    for path in (*folder.iterdir(), folder):
        _sync(path)


def sync_folder(folder: Path) -> None:
    """Make a new file name durable: it is only when its folder is synced."""
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(content: bytes) -> list[bytes]:
    """Not splitlines: it also splits at U+2028, which JSON allows within a row."""
    return [line for line in content.split(b"\n") if line]
