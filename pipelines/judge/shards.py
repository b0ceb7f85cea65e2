"""Shards of a run, and the name that all of them share."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from signalbox.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`."""

    index: int
    count: int

    def holds(self, record_id: str) -> bool:
        """Whether a record belongs to this shard: by a hash of its id, so that shards need not agree."""
        return int(hashlib.sha256(f"shard:{record_id}".encode()).hexdigest(), 16) % self.count == self.index


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
