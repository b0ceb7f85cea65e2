"""Things that several tests make."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import ModelRelease, Record, Verdict, text_sha256
from signalbox.local import stack
from signalbox.local.processes import Supervisor
from signalbox.settings import Settings

RELEASE = ModelRelease(name="toy", revision="r1", engine="test", quantization="none")


def record(text: str = "The aid is indicated.", **changes: Any) -> Record:
    """A record with sensible fields."""
    fields: dict[str, Any] = {
        "task": "medical",
        "language": "en",
        "route": "encoder",
        "release": RELEASE,
        "input_sha256": text_sha256(text),
        "input_characters": len(text),
        "input_text": text,
        "verdict": Verdict.YES,
        "stated": Verdict.YES,
        "p_yes": 0.9,
        "light": Light.YELLOW,
        "candidate_light": Light.GREEN,
        "light_reason": LightReason.PROVISIONAL,
        "justification": "Because.",
        "latency_seconds": 0.01,
    }
    return Record(**{**fields, **changes})


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running_encoder(settings: Settings, folder: Path) -> Iterator[str]:
    """Train without MLflow and serve on a free port; yields the base URL."""
    from pipelines.train import train

    changes = {"state_dir": folder / "run", "encoder_port": free_port()}
    settings = settings.model_copy(update=changes)
    train(settings, track=False)
    service = stack.encoder(settings)
    assert service is not None
    with Supervisor(settings.logs_dir) as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield service.url
