"""Thresholds of the releases in use; a new calibration is effective without a restart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from signalbox.contracts.record import ModelRelease
from signalbox.contracts.routes import Route
from signalbox.errors import InputError, SetupError
from signalbox.thresholds.cuts import Thresholds
from signalbox.thresholds.files import ThresholdFile, load, path_for


class Passed(NamedTuple):
    """A model that answered a text, and its thresholds."""

    release: ModelRelease
    thresholds: Thresholds | None


class ThresholdTable:
    """The files of a folder, read again when they change."""

    def __init__(self, folder: Path, task: str) -> None:
        self._folder, self._task = folder, task
        self._cache: dict[Path, tuple[int, ThresholdFile]] = {}
        self._paths: dict[tuple[str, ...], Path] = {}

    def get(
        self, release: ModelRelease, language: str, route: Route, earlier: Sequence[Passed] = ()
    ) -> Thresholds | None:
        """Thresholds of a release in a language, after the models that were queried before in this route.

        None if it is not calibrated for that. Raises SetupError.
        """
        chain = [one.release for one in earlier]
        path = self._path(release, route, chain)
        try:
            modified = path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        entry = self._cache.get(path)
        if entry is None or entry[0] != modified:
            try:
                file = load(self._folder, self._task, release, route=route, earlier=chain)
            except InputError as error:  # not the caller's input: only the operator can fix the file
                raise SetupError(error.message, hint=error.hint) from error
            if file is None:
                return None
            entry = self._cache[path] = (modified, file)
        if not entry[1].fits(language, [one.thresholds for one in earlier]):
            return None
        return entry[1].languages.get(language)

    def _path(self, release: ModelRelease, route: Route, chain: Sequence[ModelRelease]) -> Path:
        """The path, computed once: its digest would be a tenth of what a light costs."""
        # By key: to hash a release costs as much as the digest.
        key = (route, release.key, *(one.key for one in chain))
        path = self._paths.get(key)
        if path is None:
            path = self._paths[key] = path_for(self._folder, self._task, release, route=route, earlier=chain)
        return path
