"""Wait until the models behind the assessor answer: its own readiness does not depend on them."""

from __future__ import annotations

import time

import httpx2

from local.processes import Supervisor
from signalbox.assessor_client import direct_client
from signalbox.errors import SetupError
from signalbox.settings import Settings

_POLL_SECONDS = 0.2


def wait_for_models(settings: Settings, supervisor: Supervisor, seconds: float = 60.0) -> None:
    """Return once every model that is enabled answers the assessor. Raises SetupError with those that do not."""
    deadline = time.monotonic() + seconds
    while down := _down(settings):
        supervisor.check()
        if time.monotonic() > deadline:
            addresses = {"encoder": settings.encoder_base_url, "decoder": settings.decoder_base_url}
            where = " and ".join(f"the {name} at {addresses[name]}" for name in down)
            raise SetupError(
                f"No answer from {where} within {seconds:g} s.",
                hint="Start it, correct its URL, or set SIGNALBOX_ENCODER_ENABLED or SIGNALBOX_DECODER_ENABLED to false.",
            )
        time.sleep(_POLL_SECONDS)


def _down(settings: Settings) -> list[str]:
    """Models that do not answer the assessor."""
    url = f"{settings.assessor_base_url}/readyz"
    try:
        with direct_client(url, 2.0) as client:
            upstreams = client.get(url).json()["upstreams"]
    except (httpx2.HTTPError, ValueError, KeyError):
        return list(settings.models)
    return [name for name in settings.models if not upstreams.get(name)]
