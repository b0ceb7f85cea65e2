"""A folder that files are downloaded into: one process at a time, and only where there is space."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from signalbox.errors import SetupError

Report = Callable[[str], None]
GIB = 1 << 30


@contextmanager
def folder_lock(folder: Path, name: str, report: Report) -> Iterator[None]:
    """Hold the lock file `name`: the other processes wait, and then have nothing to do."""
    with (folder / name).open("w", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another process downloads into this folder: waiting")
            fcntl.lockf(file, fcntl.LOCK_EX)
        except OSError as error:
            report(f"this volume has no locks ({error.strerror}): do not start several downloads at once")
        yield


def check_space(folder: Path, needed: int, hint: str) -> None:
    """SetupError where `needed` bytes do not fit into the file system of `folder`."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise SetupError(
            f"The files need {needed / GIB:.2f} GiB, and `{folder}` has {free / GIB:.2f} GiB.", hint=hint
        )
