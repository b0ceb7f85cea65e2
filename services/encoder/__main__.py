"""Serve a trained release: `python -m services.encoder --release-dir run/releases/encoder-v1 --http_port 8081`.

The other flags are KServe's own (`--help`). Requests are not logged: that would cost a third of the speed.
"""

from __future__ import annotations

import argparse
import logging
import socket
import sys
from pathlib import Path

from services.encoder.direct import DirectModel, answer_directly

# KServe's parser is the parent, so that its flags work.
from services.encoder.kserve_parts import KSERVE_TRACE_LOGGER_NAME, InvalidInput, ModelServer, model_server
from services.encoder.model import EncoderModel
from services.encoder.runtime import Encoder
from signalbox import cpus
from signalbox.errors import EXIT_FAILURE, SetupError
from signalbox.logging import configure
from signalbox.serving.draining import drain_on_sigterm
from signalbox.serving.listen import listener

log = logging.getLogger(__name__)


def main() -> None:
    """Load, then serve until SIGTERM."""
    parser = argparse.ArgumentParser(parents=[model_server.parser], conflict_handler="resolve")
    parser.add_argument(
        "--release-dir",
        type=Path,
        required=True,
        help="Folder of a release of `signalbox train`, or of releases: the newest is served.",
    )
    parser.add_argument("--threads", type=int, default=1, help="Threads of one inference.")
    parser.add_argument("--host", default="::", help="Address to bind; `::` is all, of IPv4 and IPv6.")
    parser.add_argument(
        "--drain-seconds",
        type=float,
        default=0.0,
        help="After SIGTERM, close each connection with its next response, up to this long.",
    )
    arguments = parser.parse_args()
    model_server.args.configure_logging = False
    configure(quiet=[KSERVE_TRACE_LOGGER_NAME])
    logging.getLogger("kserve").addFilter(without_input)
    try:
        model = EncoderModel(
            Encoder(arguments.release_dir, cpus.threads(arguments.threads, cpus.usable_cpus()))
        )
        server_socket = listener(arguments.host, arguments.http_port)
    except SetupError as error:
        log.critical("startup failed", extra={"cause": error.message, "hint": error.hint})
        sys.exit(EXIT_FAILURE)
    configure_server(server_socket, arguments.drain_seconds, model)
    ModelServer(http_port=arguments.http_port, enable_grpc=False, workers=1).start([model])


def without_input(line: logging.LogRecord) -> bool:
    """Log that a request was rejected, but not why: KServe's reasons may quote the request. The response has it."""
    if line.exc_info and isinstance(line.exc_info[1], InvalidInput):
        line.msg, line.args, line.exc_info = "request rejected (400)", (), None
    return True


def configure_server(server_socket: socket.socket, drain_seconds: float, model: DirectModel) -> None:
    """Make KServe's HTTP server listen on this socket, drain, and answer plain requests directly: it has no options for that (0.21.0)."""

    async def start(self: model_server.RESTServer) -> None:
        self.create_application()
        answer_directly(model_server.app, model)
        drain_on_sigterm(self._server, drain_seconds)
        await self._server.serve(sockets=[server_socket])

    model_server.RESTServer.start = start


if __name__ == "__main__":
    main()
