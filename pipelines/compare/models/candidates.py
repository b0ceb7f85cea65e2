"""The models of a comparison: what each is called, how large it is, and how it is reached.

A candidate that runs elsewhere has a URL; one that must be started on this machine comes from `local.models`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pipelines.compare.models import KEY_VARIABLE
from pipelines.compare.models.journal import prompt_digest
from signalbox.contracts.routes import ModelName
from signalbox.errors import InputError
from signalbox.models.base import ModelClient
from signalbox.models.decoder import DecoderClient
from signalbox.models.encoder import EncoderClient
from signalbox.settings import Settings
from signalbox.tasks import Task


@dataclass(frozen=True)
class Server:
    """A model that answers: its client, to be created in an event loop, and the memory of its process if it is known.

    `wait_seconds` is how long its first request is repeated while it cannot be reached.
    """

    client: Callable[[], ModelClient]
    memory: Callable[[], int | None] = lambda: None
    wait_seconds: float = 0.0


@dataclass(frozen=True)
class Candidate:
    """A model to compare. `identity` is what its answers depend on; None: only its server knows its release.

    `prompt` is a digest of what a decoder is shown around a text; empty for an encoder. `folder` is that of an encoder's
    release on this machine.
    """

    name: str
    kind: ModelName
    serve: Callable[[], AbstractContextManager[Server]]
    identity: str | None = None
    size_bytes: int | None = None
    prompt: str = ""
    where: Literal["local", "remote"] = "local"
    folder: Path | None = None


# Turns a name that is no URL into a candidate.
Lookup = Callable[[str], Candidate]


def parse_models(text: str, urls: Callable[[str, str], Candidate], lookup: Lookup) -> list[Candidate]:
    """The candidates of a list with commas. Raises InputError for an empty, repeated or unknown name."""
    specs = [spec.strip() for spec in text.split(",")]
    if not all(specs):
        raise InputError("--models", text, "Write names with a comma between them, without an empty one.")
    candidates = [_url(spec, urls) if "://" in spec else lookup(spec) for spec in specs]
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                "--models", text, f"`{name}` is in the list {names.count(name)} times; remove one."
            )
    return candidates


def remote_decoder(settings: Settings, task: Task, url: str, name: str, key: str | None) -> Candidate:
    """A model behind an OpenAI-compatible URL; an empty name is that of the only model there."""

    @contextlib.contextmanager
    def serve() -> Iterator[Server]:
        yield Server(
            lambda: decoder_client(settings, task, url, name, key), wait_seconds=settings.server_wait_seconds
        )

    return Candidate(
        name or urlsplit(url).netloc, "decoder", serve, prompt=prompt_digest(task), where="remote"
    )


def decoder_client(settings: Settings, task: Task, url: str, model: str, key: str | None) -> DecoderClient:
    """A client with one request at a time, whose errors name the variables of a comparison."""
    return DecoderClient(
        task,
        url,
        model=model,
        api_key=key,
        timeout_seconds=settings.decoder_timeout_seconds,
        constrained=settings.decoder_constrained,
        concurrency=1,
        variables="SIGNALBOX_COMPARE",
    )


def encoder_client(settings: Settings, task: Task, url: str) -> EncoderClient:
    return EncoderClient(url, timeout_seconds=settings.encoder_timeout_seconds, task=task)


def split_url(spec: str) -> tuple[str, str]:
    """URL and name of `URL#NAME`. Raises InputError."""
    url, _, name = spec.partition("#")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(
            "--models", spec, "Write https://HOST/v1#MODEL, the OpenAI-compatible base URL of a server."
        )
    if parts.username or parts.password:
        raise InputError(
            "--models", f"https://…@{parts.hostname}", f"Put the key into {KEY_VARIABLE}, not into the URL."
        )
    return url, name


def _url(spec: str, urls: Callable[[str, str], Candidate]) -> Candidate:
    return urls(*split_url(spec))
