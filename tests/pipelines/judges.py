"""A judge on loopback that answers by a function of the prompt, token by token."""

from __future__ import annotations

import contextlib
import json
import math
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.helpers import answering

Reply = tuple[int, bytes]
NAME = "judge-1"


@dataclass
class Stub:
    """Requests to the judge. `replies` come first, one per request; then p(yes) by `score(prompt, question)`."""

    score: Callable[[str, str], float | None] = lambda prompt, question: 0.9
    replies: list[Reply] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    name: str = NAME
    owner: str = "vllm"
    lock: threading.Lock = field(default_factory=threading.Lock)


def line_of(probabilities: list[float | None]) -> tuple[str, list[dict[str, Any]]]:
    """`1: Yes; 2: No` and its tokens, with a tenth of the probability outside of the verdict words."""
    tokens: list[dict[str, Any]] = []
    for number, p in enumerate(probabilities, start=1):
        if p is None:  # no verdict word
            tokens += [_plain("" if number == 1 else "; "), _plain(f"{number}: Maybe")]
            continue
        words = {" Yes": 0.9 * p, " No": 0.9 * (1 - p), " Maybe": 0.1}
        word = " Yes" if p >= 0.5 else " No"
        listed = [
            {"token": choice, "logprob": math.log(share), "bytes": None}
            for choice, share in words.items()
            if share
        ]
        before = "" if number == 1 else "; "
        tokens += [_plain(f"{before}{number}"), _plain(":")]
        tokens.append(
            {"token": word, "logprob": math.log(words[word]), "top_logprobs": listed, "bytes": None}
        )
    return "".join(token["token"] for token in tokens), tokens


def _plain(token: str) -> dict[str, Any]:
    return {"token": token, "logprob": 0.0, "top_logprobs": [{"token": token, "logprob": 0.0}], "bytes": None}


def completion(text: str, tokens: list[dict[str, Any]] | None) -> bytes:
    """A whole answer of the protocol."""
    message = {"role": "assistant", "content": text}
    logprobs = None if tokens is None else {"content": tokens}
    choice = {"index": 0, "finish_reason": "stop", "message": message, "logprobs": logprobs}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    body = {"id": "1", "created": 0, "model": NAME, "system_fingerprint": "", "object": "chat.completion"}
    return json.dumps({**body, "choices": [choice], "usage": usage}).encode()


@contextlib.contextmanager
def judge_server(stub: Stub) -> Iterator[str]:
    """The stub on a free port; gives its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, json.dumps({"data": [{"id": stub.name, "owned_by": stub.owner}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with stub.lock:
                prompt = body["messages"][-1]["content"]
                stub.prompts.append(prompt)
                stub.bodies.append(body)
                stub.keys.add(self.headers["authorization"])
                if stub.replies:
                    # Sent under the lock: a later failure must not overtake an earlier answer.
                    self._send(*stub.replies.pop(0))
                    return
            self._send(200, _judged(stub, prompt))

        def _send(self, status: int, content: bytes) -> None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it was too slow on purpose
                self._write(status, content)

        def _write(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with answering(Handler) as url:
        yield f"{url}/v1"


def _judged(stub: Stub, prompt: str) -> bytes:
    questions = re.findall(r"^\d+: (.*)$", prompt.split("Questions:\n")[1], re.MULTILINE)
    return completion(*line_of([stub.score(prompt, question) for question in questions]))
