"""The models of a comparison: what each is called, how large it is, and how it is reached.

A candidate that runs elsewhere has a URL; one that must be started on this machine comes from `local.models`.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pipelines.compare.journal import prompt_digest
from signalbox.contracts.routes import ModelName
from signalbox.errors import InputError
from signalbox.models.base import ModelClient
from signalbox.models.decoder import DecoderClient
from signalbox.models.encoder import EncoderClient
from signalbox.settings import Settings
from signalbox.tasks import Task

KEY_VARIABLE = "SIGNALBOX_COMPARE_API_KEY"
_CHARACTERS_PER_TOKEN, _LEAD_TOKENS = 3, 2  # few enough for any tokenizer, and two for quotes or a space


@dataclass(frozen=True)
class Server:
    """A model that answers: its client, to be created in an event loop, and the memory of its process if it is known."""

    client: Callable[[], ModelClient]
    memory: Callable[[], int | None] = lambda: None


@dataclass(frozen=True)
class Candidate:
    """A model to compare. `identity` is what its answers depend on; None: only its server knows its release.

    `prompt` is a digest of what a decoder is shown around a text; empty for an encoder.
    """

    name: str
    kind: ModelName
    serve: Callable[[], AbstractContextManager[Server]]
    identity: str | None = None
    size_bytes: int | None = None
    prompt: str = ""
    where: Literal["local", "remote"] = "local"


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
        yield Server(lambda: decoder_client(settings, task, url, name, key))

    return Candidate(
        name or urlsplit(url).netloc, "decoder", serve, prompt=prompt_digest(task), where="remote"
    )


def running_model(settings: Settings, task: Task, model: str) -> Candidate:
    """The encoder or the decoder that runs already, at the URL of the settings. Raises InputError for another name."""
    if model not in settings.models:
        hint = f"Choose {', '.join(settings.models)}, or give a URL. `signalbox compare` starts other models."
        raise InputError("--models", model, hint)
    if model == "decoder":
        key = settings.decoder_api_key
        name = settings.decoder_model if settings.decoder_url else ""
        secret = key.get_secret_value() if key else None
        remote = remote_decoder(settings, task, settings.decoder_base_url, name, secret)
        return Candidate("decoder", "decoder", remote.serve, prompt=remote.prompt, where="remote")

    @contextlib.contextmanager
    def serve() -> Iterator[Server]:
        yield Server(lambda: encoder_client(settings, task, settings.encoder_base_url))

    return Candidate("encoder", "encoder", serve, where="remote")


def decoder_client(settings: Settings, task: Task, url: str, model: str, key: str | None) -> DecoderClient:
    """A client that queries the verdict only: its probabilities are in the first tokens."""
    return DecoderClient(
        task,
        url,
        model=model,
        api_key=key,
        timeout_seconds=settings.decoder_timeout_seconds,
        constrained=settings.decoder_constrained,
        max_answer_tokens=verdict_tokens(task),
        concurrency=1,
        variables="SIGNALBOX_COMPARE",
    )


def encoder_client(settings: Settings, task: Task, url: str) -> EncoderClient:
    return EncoderClient(url, timeout_seconds=settings.encoder_timeout_seconds, task=task)


def verdict_tokens(task: Task) -> int:
    """Tokens in which an answer states its label, whatever the tokenizer; no justification."""
    forms = [form for code in task.languages for words in task.answer_forms(code).values() for form in words]
    longest = max(math.ceil(len(form) / _CHARACTERS_PER_TOKEN) for form in forms)
    return min(task.max_answer_tokens, longest + _LEAD_TOKENS)


def key_for(url: str, urls: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The API key of a URL: of the variable with its host, else of KEY_VARIABLE if all URLs have one host.

    With several hosts, a key without a host is an InputError: it must not be sent to a server that it is not of.
    """
    host = _host(url)
    own = f"{KEY_VARIABLE}_{re.sub(r'[^A-Z0-9]+', '_', host.upper())}"
    if own in environment:
        return environment[own] or None
    if KEY_VARIABLE not in environment:
        return None
    if len({_host(other) for other in urls}) > 1:
        hint = f"Set {own} for {host}, and one like it for each other host that needs a key."
        raise InputError(
            KEY_VARIABLE,
            "(a key)",
            hint,
            problem=f"{KEY_VARIABLE} is set, but the models have several hosts.",
        )
    return environment[KEY_VARIABLE] or None


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


def urls_of(text: str) -> list[str]:
    """The URLs in a list of models."""
    return [split_url(spec.strip())[0] for spec in text.split(",") if "://" in spec]


def _url(spec: str, urls: Callable[[str, str], Candidate]) -> Candidate:
    return urls(*split_url(spec))


def _host(url: str) -> str:
    return urlsplit(url).netloc
