"""A real HTTP server of the chat protocol on loopback, whose model answers from the text that it is sent."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from fastapi import FastAPI, Request, Response

from signalbox.contracts.record import LabeledText
from signalbox.settings import Settings
from tests.helpers import free_port
from tests.services.assessor.page_app import serving


@dataclass
class ChatModel:
    """Its texts; `p_yes` of a text, whether it gives log-probabilities, the key that it wants, and how it may fail."""

    p_yes: Callable[[str], float]
    name: str = "toy-model"
    logprobs: bool = True
    key: str | None = None
    failure: Callable[[str], Response | None] = lambda text: None
    queries: list[str] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/models")
        def models(request: Request) -> Response:
            return self._checked(request) or _json({"data": [{"id": self.name}, {"id": "other"}]})

        @app.post("/v1/chat/completions")
        async def complete(request: Request) -> Response:
            text = (await request.json())["messages"][-1]["content"]
            self.queries.append(text)
            return self._checked(request) or self.failure(text) or _json(self._completion(text))

        return app

    def _checked(self, request: Request) -> Response | None:
        self.keys.add(request.headers.get("authorization"))
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return _json({"error": {"message": "wrong key"}}, 401)
        return None

    def _completion(self, text: str) -> dict[str, object]:
        p = self.p_yes(text)
        word = "Yes" if p >= 0.5 else "No"
        tokens = [("Yes", p), ("No", 1 - p)]
        alternatives = [{"token": token, "logprob": math.log(max(share, 1e-9))} for token, share in tokens]
        content = [{"token": word, "logprob": math.log(max(p, 1 - p)), "top_logprobs": alternatives}]
        choice: dict[str, object] = {"message": {"content": word}, "finish_reason": "stop"}
        return {"choices": [choice | ({"logprobs": {"content": content}} if self.logprobs else {})]}

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Its base URL, with /v1."""
        with serving(self.app(), free_port()) as url:
            yield f"{url}/v1"


def _json(body: object, status: int = 200) -> Response:
    import json

    return Response(json.dumps(body), status, media_type="application/json")


def rows(
    count: int, split: str, *, language: str = "en", tier: str | None = None, noise: int = 0
) -> list[LabeledText]:
    """Rows whose text says its label: `good …` is yes. Every `noise`-th text says the other one."""
    found = []
    for number in range(count):
        label = "yes" if number % 2 else "no"
        says = label if not noise or number % noise else ("no" if label == "yes" else "yes")
        name = f"{tier}-{language}-{split}-{number}"
        text = f"{'good' if says == 'yes' else 'bad'} {name}"
        fields = {
            "id": name,
            "text": text,
            "label": label,
            "language": language,
            "family": name,
            "split": split,
            "tier": tier,
        }
        found.append(LabeledText.model_validate(fields))
    return found


def task_of(folder: Path, data: list[LabeledText], **changes: object) -> Path:
    """A folder with a task of two labels in English, and its data."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = {"system": "s", "words": {"yes": ["Yes"], "no": ["No"]}, "turns": []}
    task = {"name": "toy", "title": {}, "question": {}, "languages": {"en": spec}} | changes
    (folder / "task.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")
    (folder / "data.jsonl").write_text(
        "".join(row.model_dump_json() + "\n" for row in data), encoding="utf-8"
    )
    return folder


def settings_of(folder: Path, data: list[LabeledText], **changes: object) -> Settings:
    """Settings of a task with these rows; nothing runs."""
    return Settings(task=task_of(folder / "task", data), state_dir=folder / "run").model_copy(update=changes)


def understands(text: str) -> float:
    """p(yes) of a model that reads what a text says."""
    return 0.9 if text.startswith("good") else 0.1
