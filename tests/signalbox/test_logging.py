"""The log format of services and jobs."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from signalbox.logging import configure


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Where the log goes; the root logger and the quiet ones are restored afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines = io.StringIO()
    # A uvicorn that another test started in this process keeps its logs to itself.
    for name in ("uvicorn", "uvicorn.access"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    configure(quiet=["chatty"], stream=lines)
    yield lines
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("chatty", "httpx2", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_logger_message_and_the_extra_fields(stream):
    logging.getLogger("signalbox.x").warning("records not stored", extra={"records": 3, "path": io})
    (line,) = lines(stream)
    assert set(line) == {"time", "level", "logger", "message", "records", "path"}
    assert (line["level"], line["logger"], line["message"]) == (
        "warning",
        "signalbox.x",
        "records not stored",
    )
    assert (line["records"], line["path"]) == (3, repr(io))
    assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)


def test_an_exception_stays_on_its_line(stream):
    error = ValueError("first\nsecond")
    logging.getLogger("x").error("failed", exc_info=error)
    (line,) = lines(stream)
    assert "ValueError: first\nsecond" in line["exception"]


def test_loggers_of_single_requests_are_quiet(stream):
    for name in ("chatty", "httpx2", "uvicorn.access", "x"):
        logging.getLogger(name).debug("detail")
        logging.getLogger(name).info("request")
        logging.getLogger(name).warning("trouble")
    assert [(line["logger"], line["message"]) for line in lines(stream)] == [
        ("chatty", "trouble"),
        ("httpx2", "trouble"),
        ("uvicorn.access", "trouble"),
        ("x", "request"),
        ("x", "trouble"),
    ]


def test_a_warning_of_python_is_a_line(stream):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
    (line,) = lines(stream)
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "deprecated" in line["message"]


def test_a_second_call_replaces_the_first(stream):
    other = io.StringIO()
    configure(stream=other)
    logging.getLogger("x").info("once")
    assert (lines(stream), len(lines(other))) == ([], 1)
