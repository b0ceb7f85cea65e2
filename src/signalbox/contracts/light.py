"""The traffic light: its colours, how they are shown, and every reason for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Light(StrEnum):
    """GREEN: may be used as is. YELLOW: check it. RED: not shown, the verdict is withheld."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class LightReason(StrEnum):
    """Why a light has its colour. Stored in records and used as a metric label: never rename one."""

    CERTIFIED = "certified"
    PROVISIONAL = "provisional"
    UNSURE = "unsure"
    TOO_CLOSE = "too_close"
    UNCALIBRATED = "uncalibrated"
    CONTRADICTION = "contradiction"
    NEUTRAL = "neutral"
    UNPARSABLE = "unparsable"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Appearance:
    """How a light is shown: never by colour alone."""

    symbol: str
    word: dict[str, str]


APPEARANCE: dict[Light, Appearance] = {
    Light.GREEN: Appearance("✓", {"en": "Usable", "de": "Verwendbar"}),
    Light.YELLOW: Appearance("!", {"en": "Check", "de": "Prüfen"}),
    Light.RED: Appearance("✕", {"en": "Withheld", "de": "Zurückgehalten"}),
}

REASON_TEXT: dict[LightReason, dict[str, str]] = {
    LightReason.CERTIFIED: {
        "en": "Certified for this model release and language.",
        "de": "Zertifiziert für diese Modellversion und Sprache.",
    },
    LightReason.PROVISIONAL: {
        "en": "Provisional: not certified. The model is confident, but no certificate covers it yet.",
        "de": "Vorläufig: nicht zertifiziert. Das Modell ist sicher, aber noch kein Zertifikat deckt es ab.",
    },
    LightReason.UNSURE: {
        "en": "Provisional: not certified. The model is not confident enough.",
        "de": "Vorläufig: nicht zertifiziert. Das Modell ist nicht sicher genug.",
    },
    LightReason.TOO_CLOSE: {
        "en": "Too close to call: on the calibration data such answers were no better than a guess.",
        "de": "Zu knapp: Auf den Kalibrierungsdaten waren solche Antworten nicht besser als geraten.",
    },
    LightReason.UNCALIBRATED: {
        "en": "No thresholds are known for this model release and language: run the calibration.",
        "de": "Für diese Modellversion und Sprache sind keine Schwellen bekannt: Kalibrierung ausführen.",
    },
    LightReason.CONTRADICTION: {
        "en": "The model's words and its calibrated probability disagree; its reason may not fit.",
        "de": "Wortlaut und kalibrierte Wahrscheinlichkeit widersprechen sich.",
    },
    LightReason.NEUTRAL: {
        "en": "The answer starts with neither verdict word.",
        "de": "Die Antwort beginnt mit keinem der Urteilswörter.",
    },
    LightReason.UNPARSABLE: {
        "en": "The answer could not be read: it carries no usable probabilities.",
        "de": "Die Antwort war nicht lesbar: Sie enthält keine verwendbaren Wahrscheinlichkeiten.",
    },
    LightReason.TIMEOUT: {
        "en": "The model did not answer in time.",
        "de": "Das Modell hat nicht rechtzeitig geantwortet.",
    },
    LightReason.UNAVAILABLE: {
        "en": "The model server cannot be reached or broke off.",
        "de": "Der Modellserver ist nicht erreichbar oder hat abgebrochen.",
    },
    LightReason.REJECTED: {
        "en": "The model server refused the request.",
        "de": "Der Modellserver hat die Anfrage abgelehnt.",
    },
}
