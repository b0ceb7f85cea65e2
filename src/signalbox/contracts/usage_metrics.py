"""The metrics of what clients use; part of the table in `signalbox.contracts.metrics`.

A client is one of the file of API keys, `(unknown)`, `(none)` or `(others)`, so the number of series is bounded
(services/assessor/usage).
"""

from __future__ import annotations

from signalbox.contracts.metric import Metric

_USAGE = ("client", "model")
USAGE_REQUESTS = Metric(
    "signalbox_usage_requests",
    "counter",
    "Requests by client of the API key and the model that answered last; all without a valid key are the client (unknown).",
    _USAGE,
)
USAGE_TOKENS = Metric(
    "signalbox_usage_tokens",
    "counter",
    "Prompt and completion tokens of a client's requests, evidence included, by model and direction.",
    (*_USAGE, "direction"),
)
USAGE_SECONDS = Metric(
    "signalbox_usage_duration_seconds",
    "counter",
    "Seconds of calls to models for a client's requests, by model.",
    _USAGE,
)
USAGE_ENERGY = Metric(
    "signalbox_usage_energy_watthours",
    "counter",
    "Estimated watt hours of a client's requests, by model; absent without SIGNALBOX_WH_PER_1K_TOKENS or SIGNALBOX_ENCODER_WATTS.",
    _USAGE,
)

ALL: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
