"""Serve the assessor: `python -m services.assessor`, settings from SIGNALBOX_* variables."""

from __future__ import annotations

import contextlib
import logging
import sys

import uvicorn

from services.assessor.app import create_app
from signalbox.errors import EXIT_FAILURE, EXIT_INPUT, SetupError, SignalboxError
from signalbox.logging import configure
from signalbox.serving.draining import drain_on_sigterm
from signalbox.serving.listen import listener
from signalbox.settings import Settings

log = logging.getLogger(__name__)
# Longer than clients and load balancers keep idle connections (up to 60 s), so that they close first.
_KEEP_ALIVE_SECONDS = 75


def main() -> None:
    """Serve until SIGTERM; requests in flight are finished."""
    settings = Settings()
    configure()
    try:
        app = create_app(settings)
        server_socket = listener(settings.host, settings.assessor_port)
    except SignalboxError as error:
        log.critical("startup failed", extra={"cause": str(error)})
        sys.exit(EXIT_FAILURE if isinstance(error, SetupError) else EXIT_INPUT)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(settings.decoder_timeout_seconds),
        )
    )
    drain_on_sigterm(server, settings.drain_seconds)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[server_socket])
    if not server.started:
        sys.exit(EXIT_FAILURE)


if __name__ == "__main__":
    main()
