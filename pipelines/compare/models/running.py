"""Candidates that run already: the encoder and the decoder of the settings, and models behind URLs with their keys."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from pipelines.compare.models import KEY_VARIABLE
from pipelines.compare.models.candidates import (
    Candidate,
    Lookup,
    Server,
    encoder_client,
    parse_models,
    remote_decoder,
    split_url,
)
from signalbox.errors import InputError
from signalbox.settings import Settings
from signalbox.tasks import Task


def running_models(
    settings: Settings, task: Task, models: str, environment: Mapping[str, str], lookup: Lookup | None = None
) -> list[Candidate]:
    """The candidates of a list of names and URLs; an empty list is all running models. Raises InputError.

    `lookup` finds names that are no URL; it defaults to the running models.
    """
    text = models or ",".join(settings.models)
    urls = urls_of(text)

    def remote(url: str, name: str) -> Candidate:
        return remote_decoder(settings, task, url, name, key_for(url, urls, environment))

    return parse_models(text, remote, lookup or (lambda name: running_model(settings, task, name)))


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
        yield Server(
            lambda: encoder_client(settings, task, settings.encoder_base_url),
            wait_seconds=settings.server_wait_seconds,
        )

    return Candidate("encoder", "encoder", serve, where="remote")


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


def urls_of(text: str) -> list[str]:
    """The URLs in a list of models."""
    return [split_url(spec.strip())[0] for spec in text.split(",") if "://" in spec]


def _host(url: str) -> str:
    return urlsplit(url).netloc
