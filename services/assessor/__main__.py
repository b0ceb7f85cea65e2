"""Serve the assessor: `python -m services.assessor`, settings from SIGNALBOX_* variables."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
from typing import cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.assessor.app import create_app
from signalbox.errors import EXIT_FAILURE, EXIT_INPUT, SetupError, SignalboxError
from signalbox.logging import configure
from signalbox.serving.draining import drain_on_sigterm
from signalbox.serving.joined_head import JoinedHead
from signalbox.serving.listen import listener
from signalbox.settings import Settings

log = logging.getLogger(__name__)
# Longer than clients and load balancers keep idle connections (up to 60 s), so that they close first.
_KEEP_ALIVE_SECONDS = 75
# Objects that may be created before a collection, about 1 MB.
_YOUNG_OBJECTS = 10_000


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with one write for a response that is complete."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keep the transport."""
        super().connection_made(cast("asyncio.Transport", JoinedHead(transport, self.loop)))


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
            http=_Protocol,
            log_config=None,
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(settings.decoder_timeout_seconds),
        )
    )
    drain_on_sigterm(server, settings.drain_seconds)
    _collect_seldom()
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[server_socket])
    if not server.started:
        sys.exit(EXIT_FAILURE)


def _collect_seldom() -> None:
    """What the start created stays, so the collector need not visit it again.

    Requests that wait for a model keep many young objects: with Python's threshold of 700, 64 of them cause collections
    that find nothing. Memory that only the collector can free is bounded by the threshold.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


if __name__ == "__main__":
    main()
