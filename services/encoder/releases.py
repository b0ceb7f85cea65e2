"""Where a release is: its own folder, or a folder of releases whose file `current` names the newest."""

from __future__ import annotations

from pathlib import Path

from signalbox.errors import SetupError

FILES = ("release.json", "head.json")
_CURRENT = "current"


def release_folder(folder: Path) -> Path:
    """The folder of the release itself. Raises SetupError that names what is missing."""
    current = folder / _CURRENT
    if current.is_file():
        folder = folder / current.read_text(encoding="utf-8").strip()
    for name in FILES:
        if not (folder / name).is_file():
            raise SetupError(
                f"{folder} is not a trained release: {folder / name} is missing.",
                hint="Run `signalbox train`.",
            )
    return folder
