"""Serve the assessor: `python -m services.assessor`, settings from SIGNALBOX_* variables."""

from __future__ import annotations

import json
import logging
import sys

import uvicorn

from services.assessor.app import create_app
from signalbox.command import EXIT_INPUT
from signalbox.errors import SignalboxError
from signalbox.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def main() -> None:
    """Serve until SIGTERM; requests in flight are finished."""
    settings = Settings()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # one line a request otherwise
    try:
        app = create_app(settings)
    except SignalboxError as error:
        logging.getLogger(__name__).critical("not started", extra={"cause": str(error)})
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
