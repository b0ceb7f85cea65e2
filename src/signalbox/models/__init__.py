"""Clients of the models: the encoder (open inference protocol) and the decoder (OpenAI chat completions)."""

from signalbox.models.base import Answer, ModelClient
from signalbox.models.decoder import DecoderClient
from signalbox.models.encoder import EncoderClient
from signalbox.models.engines import Engine
from signalbox.models.factory import make_client, make_decoder
from signalbox.models.release import file_revision, release_from_listing
from signalbox.models.server import ChatCall, ChatServer
from signalbox.models.transport import RetryBudget
from signalbox.models.verdict import Position, Reading

__all__ = [
    "Answer",
    "ChatCall",
    "ChatServer",
    "DecoderClient",
    "EncoderClient",
    "Engine",
    "ModelClient",
    "Position",
    "Reading",
    "RetryBudget",
    "file_revision",
    "make_client",
    "make_decoder",
    "release_from_listing",
]
