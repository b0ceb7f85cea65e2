"""Which state of the repository the charts are packaged from."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime

from signalbox.errors import InputError
from tools.charts import ROOT

_FOLDER = "charts"


@dataclass(frozen=True)
class Source:
    """`commit` is the last that changed a chart; empty if the files are not those of a commit."""

    commit: str
    seconds: int

    @property
    def time(self) -> str:
        """The time of all that is written, in RFC 3339."""
        return datetime.fromtimestamp(self.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def source() -> Source:
    """The commit of the charts with its time; `SOURCE_DATE_EPOCH` overrides the time."""
    commit, _, seconds = _git("log", "-1", "--format=%H %ct", "--", _FOLDER).partition(" ")
    if _git("status", "--porcelain", "--", _FOLDER):
        commit = ""
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or seconds or "0"
    if not epoch.isdigit():
        raise InputError("SOURCE_DATE_EPOCH", epoch, "Write seconds since 1970, as in 1764374400.")
    return Source(commit, int(epoch))


def _git(*words: str) -> str:
    """What git prints; empty without git or outside a checkout."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
