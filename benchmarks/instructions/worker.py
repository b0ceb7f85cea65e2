"""The functions, counted in one checkout: `python -P worker.py CALLS`, under valgrind, with PYTHONPATH on the checkout.

After the imports, a child process for each function and number of calls inherits the counters, does the calls and ends. The
difference between twice the calls and the calls is free of the imports and of the first calls. The parent prints a line
`NAME CALLS PID` for each child; valgrind prints `==PID== I refs: COUNT`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Function = Callable[[], Any]
_TEXT = "Socio-medical indication for the aid is confirmed."
_RELEASE = {"name": "toy", "revision": "r1", "engine": "test", "quantization": "none"}


def _record() -> Any:
    from signalbox.contracts.labels import YES, yes_no
    from signalbox.contracts.record import Record, text_sha256

    return Record(
        id="5f0c6c0e-7c7f-4b8e-9d6f-1f1f8a0f6a10",
        created_at=datetime(2026, 11, 30, tzinfo=UTC),
        task="medical",
        language="en",
        route="encoder",
        release=_RELEASE,
        input_sha256=text_sha256(_TEXT),
        input_characters=len(_TEXT),
        input_text=_TEXT,
        verdict=YES,
        stated=YES,
        probabilities=yes_no(0.9),
        score=2.0,
        light="yellow",
        candidate_light="green",
        light_reason="provisional",
        latency_seconds=0.01,
    )


def stored_record() -> Function:
    """A record, and its JSON for the store."""
    return lambda: _record().model_dump_json()


def light() -> Function:
    """The light of an encoder's answer without thresholds and certificates."""
    from services.assessor.decisions.outcome import Decisions
    from signalbox.contracts.labels import YES, yes_no
    from signalbox.models.base import Answer
    from signalbox.settings import Settings
    from signalbox.tasks import load_task

    settings = Settings(state_dir=Path(tempfile.gettempdir()) / "signalbox-no-state")
    decisions = Decisions(settings, load_task(Path("tasks/medical")))
    answer = Answer(release=_RELEASE, stated=YES, probabilities=yes_no(0.9), latency_seconds=0.01)
    return lambda: decisions.outcome(answer, "en", "encoder")


def public_prediction() -> Function:
    """A prediction of the API as JSON."""
    from services.assessor.schemas import to_public
    from signalbox.tasks import load_task

    record, task = _record(), load_task(Path("tasks/medical"))
    return lambda: to_public(record, task).model_dump_json()


def chat_tokens() -> Function:
    """The tokens of a chat completion that passes through."""
    from services.assessor.usage.chat_tokens import ChatTokens

    usage = {"completion_tokens": 14, "prompt_tokens": 206, "total_tokens": 220}
    message = {"role": "assistant", "content": "Yes. The benefit is proven, so the aid is supported."}
    body = json.dumps({"choices": [{"finish_reason": "stop", "message": message}], "usage": usage}).encode()

    def count() -> object:
        tokens = ChatTokens(is_stream=False)
        tokens.read(body)
        return tokens.amount

    return count


def passed_through_chat() -> Function:
    """A chat completion through the whole application, without a server and without the network to the decoder."""
    body = json.dumps({"messages": [{"role": "user", "content": _TEXT}]}).encode()
    answer = json.dumps({"choices": [], "usage": {"prompt_tokens": 206, "completion_tokens": 14}}).encode()

    class Response:
        status, headers = 200, {"Content-Type": "application/json"}

        async def read(self) -> bytes:
            return answer

        async def __aenter__(self) -> Response:
            return self

        async def __aexit__(self, *_: object) -> None:
            return

    class Decoder:
        async def request(self, *_: object, **__: object) -> Response:
            return Response()

    return _requesting("/v1/chat/completions", body, upstream=Decoder())


def assessment() -> Function:
    """A text assessed by an encoder through the whole application, without a server, the network and a database."""
    body = json.dumps({"text": _TEXT, "language": "en", "model": "encoder"}).encode()
    return _requesting("/v1/assess", body)


def _requesting(path: str, body: bytes, **parts: Any) -> Function:
    """Requests of the application, whose state has an encoder in this process and a store that keeps nothing."""
    import asyncio
    from types import SimpleNamespace

    from services.assessor.app import create_app
    from services.assessor.assess import Assess
    from services.assessor.calls import Calls, CountedClient
    from services.assessor.metrics import Metrics
    from services.assessor.schemas import to_public
    from signalbox.contracts.labels import YES, yes_no
    from signalbox.models.base import Answer
    from signalbox.settings import Settings
    from signalbox.tasks import load_task

    class Encoder:
        async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
            answer = Answer(release=_RELEASE, stated=YES, probabilities=yes_no(0.9), latency_seconds=0.01)
            return [answer] * len(texts)

    class Store:
        async def append_many(self, records: object) -> None:
            return

    settings = Settings(state_dir=Path(tempfile.gettempdir()) / "signalbox-no-state")
    task, app = load_task(Path("tasks/medical")), create_app(settings, clients={})
    metrics = Metrics(task)
    calls = {name: Calls(name, metrics) for name in ("encoder", "decoder")}
    clients: Any = {"encoder": CountedClient(Encoder(), calls["encoder"])}  # type: ignore[arg-type]
    app.state.signalbox = SimpleNamespace(
        settings=settings,
        calls=calls,
        assess=Assess(settings, task, clients, Store(), metrics),  # type: ignore[arg-type]
        route=lambda name: name,
        public=lambda record: to_public(record, task),
        **parts,
    )
    headers = [(b"host", b"assessor"), (b"content-type", b"application/json")]
    headers.append((b"content-length", str(len(body)).encode()))
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": path, "query_string": b""}
    loop, statuses = asyncio.new_event_loop(), []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 200))

    def request() -> None:
        statuses.clear()
        loop.run_until_complete(app({**scope, "headers": [*headers]}, receive, send))
        assert set(statuses) == {200}, statuses

    return request


FUNCTIONS = {
    "stored record": stored_record,
    "light": light,
    "public prediction": public_prediction,
    "tokens of a chat": chat_tokens,
    "passed-through chat": passed_through_chat,
    "assessment": assessment,
}


def main(calls: int) -> None:
    """Fork a child for each function, and for CALLS and twice as many."""
    for name, make in FUNCTIONS.items():
        try:
            function = make()
            function()  # lazy imports and caches
        except Exception as error:  # another commit may not have it
            print(f"# {name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            continue
        gc.disable()  # a collection in one of the two runs would count as a difference
        for count in (calls, 2 * calls):
            print(f"{name}\t{count}\t{_child(function, count)}", flush=True)


def _child(function: Function, calls: int) -> int:
    pid = os.fork()
    if pid == 0:
        for _ in range(calls):
            function()
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


if __name__ == "__main__":
    main(int(sys.argv[1]))
