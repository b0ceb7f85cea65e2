"""Serve the assessor: `python -m services.assessor`, settings from SIGNALBOX_* variables."""

from __future__ import annotations

import logging
import sys

import uvicorn

from services.assessor.app import create_app
from signalbox.errors import EXIT_INPUT, SignalboxError
from signalbox.logging import configure
from signalbox.settings import Settings

log = logging.getLogger(__name__)


def main() -> None:
    """Serve until SIGTERM; requests in flight are finished."""
    settings = Settings()
    configure()
    try:
        app = create_app(settings)
    except SignalboxError as error:
        log.critical("startup failed", extra={"cause": str(error)})
        sys.exit(EXIT_INPUT)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.assessor_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(settings.decoder_timeout_seconds),
    )


if __name__ == "__main__":
    main()
