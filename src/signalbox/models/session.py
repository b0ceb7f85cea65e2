"""The HTTP part of a chat client: one connection pool to an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import httpx2

from signalbox import proxies
from signalbox.errors import ModelUnavailable
from signalbox.models.chat import Chunk, Transcript, parse_chunks, parse_completion
from signalbox.models.transport import CONNECTION_RESETS, RetryBudget, error_message, status_error


class ChatSession:
    """Requests to one server. Certificates, and proxies for other hosts, are those of the environment.

    Raises httpx2's errors as they are, a ModelError for a status other than 2xx, and ValueError for a body that
    is not of the protocol.
    """

    def __init__(
        self, base_url: str, *, api_key: str | None, timeout_seconds: float, key_variable: str
    ) -> None:
        self._base_url = base_url
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_seconds = timeout_seconds
        self._key_variable = key_variable
        self._budget = RetryBudget()
        self._pool: httpx2.AsyncClient | None = None

    async def models(self) -> list[dict[str, Any]]:
        """The entries of GET /models."""
        url = f"{self._base_url}/models"
        response = await self._open().get(url)
        self._check(url, response)
        entries: list[dict[str, Any]] = response.json()["data"]
        return entries

    async def complete(self, body: Mapping[str, Any]) -> Transcript:
        """One whole completion."""
        return parse_completion((await self._post(body)).content)

    async def stream(self, body: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        """The chunks of a streamed completion. Raises ModelUnavailable where the server ends it with an error."""
        response = await self._post({**body, "stream": True, "stream_options": {"include_usage": True}})
        try:
            async for chunk in parse_chunks(response.aiter_bytes()):
                if chunk.error is not None:
                    message = error_message({"error": chunk.error}, _texts(body)) or "without a message"
                    raise ModelUnavailable(
                        f"{self._base_url}: the server ended the stream with an error: {message}.",
                        hint="See the server's log.",
                    )
                yield chunk
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.aclose()

    async def _post(self, body: Mapping[str, Any]) -> httpx2.Response:
        """The response to a chat; of a stream only the headers are read.

        A request whose connection was reset before an answer came is sent once more while the budget allows it.
        """
        self._budget.earn()
        try:
            return await self._send(body)
        except CONNECTION_RESETS:
            if not self._budget.spend():
                raise
        return await self._send(body)

    async def _send(self, body: Mapping[str, Any]) -> httpx2.Response:
        url, pool = f"{self._base_url}/chat/completions", self._open()
        if not body.get("stream"):
            response = await pool.post(url, json=body)
            self._check(self._base_url, response, body)
            return response
        # llama-server closes the socket after a stream, and a request that reuses it at once is cut off.
        request = pool.build_request("POST", url, json=body, headers={"connection": "close"})
        response = await pool.send(request, stream=True)
        if not response.is_success:
            await response.aread()
            self._check(self._base_url, response, body)
        return response

    def _check(self, url: str, response: httpx2.Response, body: Mapping[str, Any] | None = None) -> None:
        if not response.is_success:
            raise status_error(
                url,
                response.status_code,
                response.content,
                key_variable=self._key_variable,
                texts=_texts(body or {}),
            )

    def _open(self) -> httpx2.AsyncClient:
        if self._pool is None:
            # Not followed: a redirect would send the API key to another host.
            self._pool = httpx2.AsyncClient(
                headers=self._headers,
                timeout=self._timeout_seconds,
                mounts=proxies.DIRECT,
                follow_redirects=False,
            )
        return self._pool


def _texts(body: Mapping[str, Any]) -> list[str]:
    """The texts of a chat."""
    return [message["content"] for message in body.get("messages", ())]
