"""How calls to a model server fail, and what that means: one table of errors, one retry budget."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import aiohttp
import httpx2

from signalbox.errors import (
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    ModelUnparsable,
    shorten,
)

_SHOWN_CHARACTERS = 160
_READ_CHARACTERS = 2000
_QUOTED_CHARACTERS = 12  # A message that shares as many with a text quotes it.
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
    """At most a tenth of the requests may be repeated, so that a failing server does not get twice the load."""

    def __init__(self, ratio: float = 0.1, reserve: float = 10.0) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._credit = reserve

    def earn(self) -> None:
        """Count a first attempt."""
        self._credit = min(self._reserve, self._credit + self._ratio)

    def spend(self) -> bool:
        """Whether the budget covers one more repetition; deducts it."""
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True


@contextmanager
def model_errors(url: str, timeout_seconds: float) -> Iterator[None]:
    """Turn every failure of a call into a ModelError with cause and hint."""
    try:
        yield
    except ModelError:
        raise
    except (httpx2.TimeoutException, TimeoutError) as error:
        raise ModelTimeout(
            f"{url}: no complete answer within {timeout_seconds:g} s.",
            hint="Request fewer tokens, or raise the timeout.",
        ) from error
    except aiohttp.ClientPayloadError as error:
        raise ModelUnavailable(f"{url}: the connection broke in the middle of the answer.") from error
    except (httpx2.DecodingError, aiohttp.ContentTypeError) as error:
        raise ModelUnparsable(f"{url}: the answer cannot be decoded ({type(error).__name__}).") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, aiohttp.ClientError, OSError) as error:
        raise ModelUnavailable(
            f"{url}: {type(error).__name__}: {error}.", hint="Is the server running, and is the URL right?"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ModelUnparsable(
            f"{url}: the answer is not of the agreed form ({type(error).__name__}: {shorten(str(error))}).",
            hint="Is it the right server?",
        ) from error


def status_error(
    url: str, status: int, body: bytes, *, key_variable: str | None = None, texts: Iterable[str] = ()
) -> ModelError:
    """The error that an HTTP status stands for; `key_variable` is the variable with the server's API key.

    `texts`: those of the request, which the error must not quote.
    """
    message = server_message(body, texts)
    text = f"{url}: HTTP {status}" + (f": {message}." if message else ".")
    if status in _TIMEOUT_STATUS:
        return ModelTimeout(text, hint="The server gave up: raise its limit, or request fewer tokens.")
    if status >= 500 or status in _BUSY_STATUS:
        return ModelUnavailable(text, hint="Look at the server's log, or lower the concurrency.")
    if status in _KEY_STATUS:
        check = (
            f"Check the API key ({key_variable})."
            if key_variable
            else "It requires a key; none is sent to it."
        )
        return ModelRejected(text, hint=check)
    if 300 <= status < 400:
        return ModelRejected(text, hint="Redirects are not followed: set the address that it redirects to.")
    return ModelRejected(text, hint="Check the model's name and the length of the input.")


def server_message(body: bytes, texts: Iterable[str] = ()) -> str:
    """The message in the body of an error; empty when it has none."""
    try:
        return error_message(json.loads(body), texts)
    except ValueError:
        return ""


def error_message(payload: object, texts: Iterable[str] = ()) -> str:
    """First line of an error's message, without the paths, echoed input and parts of `texts` that servers put into it."""
    error = payload.get("error") if isinstance(payload, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    if not isinstance(message, str) or not message.strip():
        return ""
    line = message.strip().splitlines()[0].split("'input'")[0]
    line = _unquoted(line[:_READ_CHARACTERS], "\n".join(texts))
    return _PATHS.sub("…", line)[:_SHOWN_CHARACTERS].rstrip(" .:")


def _unquoted(message: str, text: str) -> str:
    """The message with … for each run of characters that it has from the text."""
    shown, place = "", 0
    while place < len(message):
        end = place + _QUOTED_CHARACTERS
        if len(message) < end or message[place:end] not in text:
            shown, place = shown + message[place], place + 1
            continue
        while end < len(message) and message[place : end + 1] in text:
            end += 1
        shown, place = shown + "…", end
    return shown
