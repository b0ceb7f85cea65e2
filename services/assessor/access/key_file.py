"""The file of API keys, read again when it changes."""

from __future__ import annotations

import logging
from pathlib import Path

from signalbox import keys
from signalbox.errors import InputError
from signalbox.keys import ClientKey

log = logging.getLogger(__name__)


class KeyFile:
    """The keys of a file that may change: kubelet updates a mounted Secret by swapping a symbolic link.

    If the new file is broken or missing, the previous keys stay in force, and one error is logged.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises InputError."""
        self._path = path
        self._signature = self._read_signature()
        self._keys = keys.load(path)

    def get(self) -> list[ClientKey]:
        """The keys in force."""
        signature = self._read_signature()
        if signature != self._signature:
            self._signature = signature
            try:
                self._keys = keys.load(self._path)
            except InputError as error:
                message = "API key file reload failed; keeping previous keys"
                log.error(message, extra={"cause": str(error)})  # noqa: TRY400 - the traceback says nothing more
            else:
                log.info("API key file reloaded", extra={"keys": len(self._keys)})
        return self._keys

    def _read_signature(self) -> tuple[int, ...]:
        """What changes with the file; empty if there is none."""
        try:
            stat = self._path.stat()
        except OSError:
            return ()
        return (stat.st_dev, stat.st_ino, stat.st_ctime_ns, stat.st_mtime_ns, stat.st_size)
