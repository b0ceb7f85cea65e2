"""Wait until a release is trained: `python -m services.encoder.wait --release-dir /mnt/models/releases`.

The init container of the encoder's pod. It logs a line at once and each minute, and ends when the release is there.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from services.encoder.releases import release_folder
from signalbox.errors import SetupError
from signalbox.logging import configure

log = logging.getLogger(__name__)

_POLL_SECONDS = 2.0
_LOG_SECONDS = 60.0


def main() -> None:
    """Wait; SIGTERM ends it at once, which a process with the id 1 ignores by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--release-dir", type=Path, required=True, help="Folder of a release, or of releases."
    )
    configure()
    signal.signal(signal.SIGTERM, _stop)
    wait(parser.parse_args().release_dir)


def wait(folder: Path, *, poll_seconds: float = _POLL_SECONDS, log_seconds: float = _LOG_SECONDS) -> Path:
    """The folder of the release, once it is there."""
    next_line = time.monotonic()
    while True:
        try:
            release = release_folder(folder)
        except SetupError as error:
            if time.monotonic() >= next_line:
                next_line += log_seconds
                log.info("waiting for a trained release", extra={"cause": error.message, "hint": error.hint})
            time.sleep(poll_seconds)
        else:
            log.info("release is trained", extra={"folder": str(release)})
            return release


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
