"""The traffic light: its colors, and a code for every reason. Their texts are the assessor's (`texts.py`)."""

from __future__ import annotations

from enum import StrEnum


class Light(StrEnum):
    """GREEN: may be used as is. YELLOW: check it. RED: not shown, the verdict is withheld."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class LightReason(StrEnum):
    """Why a light has its color. Stored in records and used as a metric label: never rename one."""

    CERTIFIED = "certified"
    PROVISIONAL = "provisional"
    UNSURE = "unsure"
    TOO_CLOSE = "too_close"
    UNCALIBRATED = "uncalibrated"
    CONTRADICTION = "contradiction"
    LOW_MASS = "low_mass"
    TRUNCATED = "truncated"
    OUTSIDE_ZONE = "outside_zone"
    OTHER_KEY = "other_key"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    STATE_UNKNOWN = "state_unknown"
    REQUESTED = "requested"
    NEUTRAL = "neutral"
    UNPARSABLE = "unparsable"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"
