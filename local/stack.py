"""The services of the local stack, as a table. A service with a URL in the settings runs elsewhere: None."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from local import llama
from local.processes import Service
from signalbox.artifacts import current_release
from signalbox.cpus import threads, usable_cpus
from signalbox.settings import Settings

# Secrets of commands that no service needs.
_OF_CLIENTS = {"api_key", "grafana_token"}
_CONTEXT_TOKENS = 2048  # of a slot
# On a CPU, llama.cpp computes attention for 64 tokens or more, and without flash attention for a single one, in another
# way than for the others, so that an answer would depend on what is cached and on what is computed with it. In small
# batches and with flash attention there is one way (docs/log.md).
_REPEATABLE = ("--flash-attn", "on", "--ubatch-size", "32")


def mlflow(settings: Settings) -> Service | None:
    """MLflow on SQLite with served artifacts; one worker and no job runner (half of its memory)."""
    if settings.mlflow_url:
        return None
    folder = (settings.state_dir / "mlflow").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return Service(
        name="mlflow",
        command=(
            sys.executable, "-m", "mlflow", "server",
            "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
            "--artifacts-destination", (folder / "artifacts").as_uri(),
            "--host", settings.host, "--port", str(settings.mlflow_port), "--workers", "1",
            "--expose-prometheus", str(folder / "metrics"),
        ),
        host=settings.host,
        port=settings.mlflow_port,
        ready_path="/health",
        port_setting="SIGNALBOX_MLFLOW_PORT",
        environment={
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
        ready_seconds=300,  # its tables and imports take minutes on a busy machine
    )  # fmt: skip


def encoder(settings: Settings, release: Path | None = None) -> Service | None:
    """A release on KServe; the default is the newest trained one."""
    if not settings.starts_encoder:
        return None
    return Service(
        name="encoder",
        command=(
            sys.executable, "-m", "services.encoder", "--release-dir", str(release or current_release(settings)),
            "--host", settings.host, "--http_port", str(settings.encoder_port),
        ),
        host=settings.host,
        port=settings.encoder_port,
        ready_path="/v2/models/encoder/ready",
        port_setting="SIGNALBOX_ENCODER_PORT",
        environment=importable(),
    )  # fmt: skip


def decoder(settings: Settings, model: Path, languages: int = 2) -> Service | None:
    """llama.cpp's server with a GGUF file, and a slot for the prompt of each language, or for each request at once.

    Raises InputError and SetupError where there is no program for it.
    """
    if not settings.starts_decoder:
        return None
    slots = max(languages, settings.decoder_concurrency)
    return Service(
        name="decoder",
        command=(
            *llama.command(settings), "--model", str(model), "--host", settings.host,
            "--port", str(settings.decoder_port),
            "--threads", str(threads(settings.decoder_threads, usable_cpus(), spare=1)),
            "--ctx-size", str(slots * _CONTEXT_TOKENS), "--parallel", str(slots),
            *_REPEATABLE, "--cache-ram", "0", "--metrics", "--no-webui",
        ),
        host=settings.host,
        port=settings.decoder_port,
        ready_path="/health",
        port_setting="SIGNALBOX_DECODER_PORT",
        environment={**importable(), **llama.environment()},
        ready_seconds=600,
    )  # fmt: skip


def assessor(settings: Settings) -> Service:
    """The assessor, with the settings of this process."""
    return Service(
        name="assessor",
        command=(sys.executable, "-m", "services.assessor"),
        host=settings.host,
        port=settings.assessor_port,
        ready_path="/readyz",
        port_setting="SIGNALBOX_ASSESSOR_PORT",
        environment=importable() | as_environment(settings),
    )


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings that differ from their defaults, as variables for a child process."""
    changed = settings.model_dump(exclude_defaults=True, exclude=_OF_CLIENTS)
    if key := settings.decoder_api_key:
        changed["decoder_api_key"] = key.get_secret_value()
    return {f"SIGNALBOX_{name.upper()}": str(value) for name, value in changed.items() if value is not None}


def importable() -> dict[str, str]:
    """Services are imported from the repository's root, which is the working directory."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH"))))}
