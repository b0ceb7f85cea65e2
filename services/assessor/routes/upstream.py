"""The session for the requests that are passed through to the decoder's server."""

from __future__ import annotations

import aiohttp

from signalbox.proxies import uses_environment
from signalbox.settings import Settings


def session(settings: Settings) -> aiohttp.ClientSession:
    """A session with the headers of every request. Call it within an event loop, and close it."""
    headers = {"Content-Type": "application/json"}
    if key := settings.decoder_api_key:
        headers["Authorization"] = f"Bearer {key.get_secret_value()}"
    return aiohttp.ClientSession(
        headers=headers,
        # Reading may pause as long as a slow model computes; connecting may not.
        timeout=aiohttp.ClientTimeout(total=None, connect=5, sock_read=settings.decoder_timeout_seconds),
        # With it, aiohttp looks for a proxy and for .netrc in threads, for each request.
        trust_env=uses_environment(settings.decoder_base_url),
        # The model server queues; the client's default of 100 connections would make requests wait here, unseen by it.
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),  # the requests of all clients share the session
    )
