"""The folder that keeps what is slow to build; the Makefile computes the same paths."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tools.charts import ROOT

TOOLS = ROOT / "tools"


def cache_folder() -> Path:
    """The folder that `make` keeps what it built in."""
    return Path(os.environ.get("SIGNALBOX_CACHE_DIR") or Path.home() / ".cache" / "signalbox")


def programs_of(module: Path) -> Path:
    """Where `make` puts the programs that a Go module pins: another folder for another go.sum."""
    pinned = hashlib.sha256((module / "go.sum").read_bytes()).hexdigest()[:12]
    return cache_folder() / f"{module.name}-{pinned}" / "bin"


def images_folder() -> Path:
    """Where the archives of the project's images, their logs and buildah's store lie."""
    return cache_folder() / "images"
