"""The client of a model, from the settings."""

from __future__ import annotations

from signalbox.contracts.record import ModelRelease
from signalbox.contracts.routes import ModelName
from signalbox.models.base import ModelClient
from signalbox.models.decoder import DecoderClient
from signalbox.models.encoder import EncoderClient
from signalbox.serving.sharing import Sharing
from signalbox.settings import Settings
from signalbox.tasks import Task


def make_client(
    settings: Settings,
    task: Task,
    route: ModelName,
    *,
    release: ModelRelease | None = None,
) -> ModelClient:
    """Client of the encoder or the decoder; `release` is the decoder's, where the caller started it and knows it.

    A cascade is no client: it is the order in which the assessor queries these two.
    """
    if route == "encoder":
        return EncoderClient(
            settings.encoder_base_url,
            timeout_seconds=settings.encoder_timeout_seconds,
            task=task,
            sharing=Sharing(settings.encoder_concurrency, settings.encoder_batch_texts),
        )
    return make_decoder(settings, task, release=release)


def make_decoder(settings: Settings, task: Task, *, release: ModelRelease | None = None) -> DecoderClient:
    """Client of the decoder, with its streaming."""
    key = settings.decoder_api_key
    return DecoderClient(
        task,
        settings.decoder_base_url,
        model=settings.decoder_model,
        api_key=key.get_secret_value() if key else None,
        timeout_seconds=settings.decoder_timeout_seconds,
        constrained=settings.decoder_constrained,
        concurrency=settings.decoder_concurrency,
        release=release,
    )
