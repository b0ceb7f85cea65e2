"""How calls to a model server fail, and what that means: one table of errors, one retry budget."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import httpx2
from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError, TextGenerationError

from signalbox.errors import (
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    ModelUnparsable,
    shorten,
)

_SHOWN_CHARACTERS = 160
_PATHS = re.compile(r"(?:[A-Za-z]:)?(?:[/\\][\w.\-]+){2,}")
_TIMEOUT_STATUS = frozenset({408, 504})
_BUSY_STATUS = frozenset({425, 429})
_KEY_STATUS = frozenset({401, 403})

# The connection died before an answer came; a request at temperature 0 may be sent once more.
CONNECTION_RESETS: tuple[type[Exception], ...] = (
    httpx2.RemoteProtocolError,
    httpx2.ReadError,
    httpx2.WriteError,
    httpx2.CloseError,
    aiohttp.ServerDisconnectedError,
    aiohttp.ClientOSError,
)


class RetryBudget:
    """At most a tenth of the requests may be repeated, so that a sick server is not hit twice as hard."""

    def __init__(self, ratio: float = 0.1, reserve: float = 10.0) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._credit = reserve

    def earn(self) -> None:
        """Count a first attempt."""
        self._credit = min(self._reserve, self._credit + self._ratio)

    def spend(self) -> bool:
        """Whether one repetition may be made; takes it from the budget."""
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True


@contextmanager
def model_errors(url: str, timeout_seconds: float, *, key_variable: str | None = None) -> Iterator[None]:
    """Turn every failure of a call into a ModelError with cause and hint; `key_variable` holds the server's API key."""
    try:
        yield
    except ModelError:
        raise
    except (InferenceTimeoutError, httpx2.TimeoutException, TimeoutError) as error:
        raise ModelTimeout(
            f"{url}: no complete answer within {timeout_seconds:g} s. "
            "Ask for fewer tokens, or raise the timeout."
        ) from error
    except HfHubHTTPError as error:
        raise status_error(
            url, error.response.status_code, error.response.content, key_variable=key_variable
        ) from error
    except (httpx2.DecodingError, aiohttp.ContentTypeError, aiohttp.ClientPayloadError) as error:
        raise _broken(url, error) from error
    except (httpx2.HTTPError, httpx2.StreamError, aiohttp.ClientError, TextGenerationError, OSError) as error:
        raise ModelUnavailable(
            f"{url}: {type(error).__name__}: {error}. Is the server running, and is the URL right?"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ModelUnparsable(
            f"{url}: the answer is not of the agreed form ({type(error).__name__}: {shorten(str(error))}). "
            "Is it the right server?"
        ) from error


def status_error(url: str, status: int, body: bytes, *, key_variable: str | None = None) -> ModelError:
    """The error that an HTTP status stands for. Of the body only the message's first line is kept."""
    told = server_message(body)
    text = f"{url}: HTTP {status}" + (f": {told}" if told else "")
    if status in _TIMEOUT_STATUS:
        return ModelTimeout(f"{text}. The server gave up; raise its limit or ask for fewer tokens.")
    if status >= 500 or status in _BUSY_STATUS:
        return ModelUnavailable(f"{text}. Look at the server's log, or lower the concurrency.")
    if status in _KEY_STATUS:
        hint = (
            f"Check the API key ({key_variable})"
            if key_variable
            else "It asks for a key, and none is sent to it"
        )
        return ModelRejected(f"{text}. {hint}.")
    return ModelRejected(f"{text}. Check the model's name and the length of the input.")


def server_message(body: bytes) -> str:
    """What a server says of an error, without the paths and echoed input that such bodies may hold."""
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    error = told.get("error") if isinstance(told, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    if not isinstance(message, str) or not message.strip():
        return ""
    line = message.strip().splitlines()[0].split("'input'")[0]
    return _PATHS.sub("…", line)[:_SHOWN_CHARACTERS].rstrip(" .:")


def _broken(url: str, error: Exception) -> ModelError:
    if isinstance(error, aiohttp.ClientPayloadError):
        return ModelUnavailable(f"{url}: the connection broke in the middle of the answer.")
    return ModelUnparsable(f"{url}: the answer cannot be decoded ({type(error).__name__}).")
