"""A stand-in for llama-server that answers every chat completion with a recorded one after a constant time.

It serves only to load a service in front of a model server: `uvicorn benchmarks.stub_upstream:app`.
SIGNALBOX_STUB_SECONDS is the time it waits.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

# llama-server 11434.0.0 with SmolLM2-135M-Instruct, one sentence of the medical task.
_COMPLETION = {
    "choices": [
        {
            "finish_reason": "stop",
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Yes. The benefit is proven, so the aid is supported.",
            },
        }
    ],
    "created": 1795578545,
    "model": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "system_fingerprint": "b0-unknown",
    "object": "chat.completion",
    "usage": {
        "completion_tokens": 14,
        "prompt_tokens": 206,
        "total_tokens": 220,
        "prompt_tokens_details": {"cached_tokens": 205},
    },
    "id": "chatcmpl-uYgRB19wiSSuiH2muka5L2CSDw0xGRDx",
    "timings": {
        "cache_n": 205,
        "prompt_n": 1,
        "prompt_ms": 64.616,
        "predicted_n": 14,
        "predicted_ms": 1487.753,
    },
}
_LISTING = {"object": "list", "data": [{"id": "SmolLM2-135M-Instruct.Q4_1.gguf", "owned_by": "llamacpp"}]}
COMPLETION = json.dumps(_COMPLETION).encode()
_BODIES = {
    "/v1/chat/completions": COMPLETION,
    "/v1/models": json.dumps(_LISTING).encode(),
}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Bare ASGI, so that the stub costs as little as it can."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body = _BODIES.get(scope["path"], b"{}")
    if scope["method"] == "POST":
        await asyncio.sleep(float(os.environ.get("SIGNALBOX_STUB_SECONDS", "0")))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    status = 200 if scope["path"] in _BODIES else 404
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
