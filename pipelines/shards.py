"""Shards of a run: parts of its work for pods of an Indexed Job, the name that all of them share, and a lock."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from signalbox.errors import InputError, SetupError
from signalbox.io import AppendLog

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`."""

    index: int
    count: int

    def __str__(self) -> str:
        """Its name in files."""
        return f"shard-{self.index}-of-{self.count}"

    @property
    def is_whole(self) -> bool:
        """Whether there is no other shard."""
        return self.count == 1

    def holds(self, record_id: str) -> bool:
        """Whether a record belongs to this shard: by a hash of its id, so that shards need not agree."""
        return int(hashlib.sha256(f"shard:{record_id}".encode()).hexdigest(), 16) % self.count == self.index


WHOLE = Shard(0, 1)


@dataclass(frozen=True)
class ShardLogs:
    """The logs of one run, a file for each shard: `NAME.jsonl` of a whole run, `NAME.shard-I-of-N.jsonl` of a part."""

    folder: Path
    name: str
    shard: Shard

    @property
    def own(self) -> AppendLog:
        """The log that this shard writes."""
        return AppendLog(self.folder / f"{self.name}{'' if self.shard.is_whole else f'.{self.shard}'}.jsonl")

    def others(self) -> list[AppendLog]:
        """Those that other shards wrote up to now, by name. A count of shards that changed leaves files of both."""
        paths = sorted(self.folder.glob(f"{glob.escape(self.name)}.*jsonl"))
        return [AppendLog(path) for path in paths if path != self.own.path]


def shard_of(index: int | None, count: int, environment: Mapping[str, str] = os.environ) -> Shard:
    """The shard of the options; Kubernetes numbers the pods of an Indexed Job. Raises InputError."""
    default = "0" if count == 1 else None
    number: object = index if index is not None else environment.get(INDEX_VARIABLE, default)
    if number is None:
        hint = f"Give 0 to {count - 1}; only an Indexed Job sets {INDEX_VARIABLE}."
        raise InputError("--shard", None, hint)
    if not str(number).isdecimal() or int(str(number)) >= count:
        raise InputError("--shard", number, f"Give a number from 0 to {count - 1}: --shards is {count}.")
    return Shard(int(str(number)), count)


def run_name(
    option: str | None, shard: Shard, default: str, environment: Mapping[str, str] = os.environ
) -> str:
    """The run's name: the option's, the Job's, or `default` where there is a single shard. Raises InputError.

    A pod of an Indexed Job is called JOB-INDEX, so all shards of a Job, retried ones too, get the same name.
    """
    ending = f"-{environment.get(INDEX_VARIABLE, '')}"
    host = environment.get("HOSTNAME") or socket.gethostname()
    if option is None and environment.get(INDEX_VARIABLE) and host.endswith(ending):
        option = host.removesuffix(ending)
    if option is None and shard.count > 1:
        hint = "Give all shards the same name; only an Indexed Job provides one."
        raise InputError("--run", None, hint)
    name = option or default
    if not _NAME.fullmatch(name):
        hint = "Use letters, digits, dots, dashes; at most 100, the first no dash or dot."
        raise InputError("--run", name, hint)
    return name


@contextlib.contextmanager
def locked(path: Path, *, busy: SetupError | None = None) -> Iterator[None]:
    """A lock of processes that share a volume: one at a time. The system releases that of a process that dies.

    With `busy`, a lock that another process holds raises this error; without, the lock is awaited. Raises SetupError where the
    file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except OSError as error:
            if busy is not None and isinstance(error, BlockingIOError):
                raise busy from None
            raise SetupError(
                f"{path.parent} cannot be locked ({error.strerror}).",
                hint="Keep SIGNALBOX_STATE_DIR on a file system with locks, such as NFS 4.",
            ) from error
        yield
