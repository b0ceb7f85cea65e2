"""Models that a comparison starts on this machine, one after the other."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from local import stack
from local.processes import Service, Supervisor
from pipelines.compare.evaluations import folder_bytes
from pipelines.compare.models import footprint
from pipelines.compare.models.candidates import Candidate, Server, decoder_client, encoder_client
from pipelines.compare.models.journal import prompt_digest
from pipelines.compare.models.running import running_model, running_models
from signalbox.artifacts import current_release, gguf_file
from signalbox.errors import InputError, SetupError
from signalbox.models.base import ModelClient
from signalbox.models.release import file_revision
from signalbox.serving import listen
from signalbox.settings import Settings
from signalbox.tasks import Task

_RELEASE_FILE = "release.json"


def candidates(
    settings: Settings, task: Task, models: str, environment: Mapping[str, str]
) -> list[Candidate]:
    """The candidates of a list: encoder, decoder, names of the catalogue, GGUF files, releases and URLs.

    Raises InputError and SetupError, before any model is started.
    """
    return running_models(settings, task, models, environment, lambda name: _candidate(settings, task, name))


def _candidate(settings: Settings, task: Task, name: str) -> Candidate:
    if name in settings.models:
        elsewhere = {"encoder": settings.encoder_url, "decoder": settings.decoder_url}[name]
        if elsewhere:
            return running_model(settings, task, name)
    if name == "encoder":
        return _encoder(settings, task, name, current_release(settings))
    if name == "decoder":
        return _decoder(settings, task, name, gguf_file(settings.decoder_model, settings))
    if (Path(name) / _RELEASE_FILE).is_file():
        return _encoder(settings, task, Path(name).name, Path(name))
    try:
        path = gguf_file(name, settings)
    except InputError as error:
        hint = "Give encoder, decoder, a name of `signalbox models list`, the path of a GGUF file or of a release, or a URL."
        raise InputError("--models", name, hint, problem=f"--models: there is no model `{name}`.") from error
    except SetupError as error:
        raise SetupError(f"--models: {error.message}", hint=error.hint) from error
    return _decoder(settings, task, path.stem if Path(name).is_file() else name, path)


def _decoder(settings: Settings, task: Task, name: str, path: Path) -> Candidate:
    def start(own: Settings) -> Service | None:
        return stack.decoder(own, path, len(task.languages))

    def client(own: Settings) -> ModelClient:
        return decoder_client(own, task, own.decoder_base_url, str(path), None)

    here = settings.model_copy(update={"decoder_enabled": True, "decoder_url": None, "decoder_api_key": None})
    return Candidate(
        name,
        "decoder",
        lambda: _served(here, "decoder_port", start, client),
        identity=f"llama.cpp|{file_revision(path)}|{path.stat().st_size}",
        size_bytes=path.stat().st_size,
        prompt=prompt_digest(task),
    )


def _encoder(settings: Settings, task: Task, name: str, folder: Path) -> Candidate:
    def start(own: Settings) -> Service | None:
        return stack.encoder(own, folder)

    def client(own: Settings) -> ModelClient:
        return encoder_client(own, task, own.encoder_base_url)

    here = settings.model_copy(update={"encoder_enabled": True, "encoder_url": None})
    digest = hashlib.sha256((folder / _RELEASE_FILE).read_bytes()).hexdigest()
    return Candidate(
        name,
        "encoder",
        lambda: _served(here, "encoder_port", start, client),
        identity=f"encoder|{digest}",
        size_bytes=folder_bytes(folder),
        folder=folder,
    )


@contextlib.contextmanager
def _served(
    settings: Settings,
    port_field: str,
    start: Callable[[Settings], Service | None],
    client: Callable[[Settings], ModelClient],
) -> Iterator[Server]:
    """The model on a port of its own, next to a stack that may be running; it is stopped in any case."""
    port = _free_port(settings.host)
    own = settings.model_copy(update={port_field: port})
    service = start(own)
    if service is None:
        raise SetupError("The model is served elsewhere.", hint="Unset the URL of the model.")
    with Supervisor(settings.logs_dir / "compare") as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield Server(lambda: client(own), lambda: footprint.resident_bytes(port))


def _free_port(host: str) -> int:
    with contextlib.closing(listen.bind(host, 0)) as opened:
        return int(opened.getsockname()[1])
