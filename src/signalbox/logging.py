"""One log format for all services and jobs: a JSON object per line, with the fields given as `extra`.

Code logs through the standard library (`logging.getLogger(__name__)`); a program calls `configure` once at its start.
A message is a constant sentence, and what varies is a field: `log.info("retention", extra={"deleted": 3})`. Text of
assessments belongs in no field at level info or above.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO

__all__ = ["JsonFormatter", "configure"]

# Attributes that every record has; all others came as `extra`. uvicorn adds a colored copy of its message.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
# They log each request at level info.
_PER_REQUEST = ("httpx2", "uvicorn.access")


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (UTC), level, logger, message, the extra fields, and an exception's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(*, level: int = logging.INFO, quiet: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Log everything at `level` and above, and Python's warnings, to `stream` (default: standard error) as JSON lines.

    Replaces the handlers that the root logger has. Loggers in `quiet`, and those of the HTTP libraries, log warnings
    and errors only.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in (*_PER_REQUEST, *quiet):
        logging.getLogger(name).setLevel(logging.WARNING)
