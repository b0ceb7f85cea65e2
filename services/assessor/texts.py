"""The traffic light in words, for the API and the web page: how each light is shown, and a sentence for each reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from signalbox.contracts.light import Light, LightReason

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class Appearance:
    """How a light is shown: never by color alone."""

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
        "en": "Provisional: not certified. The model is confident, but no certificate covers this release yet.",
        "de": "Vorläufig: nicht zertifiziert. Das Modell ist sich sicher, ist für diese Version aber noch nicht zertifiziert.",
    },
    LightReason.UNSURE: {
        "en": "Provisional: not certified. The model is not confident enough.",
        "de": "Vorläufig: nicht zertifiziert. Das Modell ist sich nicht sicher genug.",
    },
    LightReason.TOO_CLOSE: {
        "en": "Too close to call: on the calibration data, such answers were no better than a guess.",
        "de": "Zu knapp: In den Kalibrierungsdaten waren solche Antworten nicht besser als geraten.",
    },
    LightReason.UNCALIBRATED: {
        "en": "No thresholds exist for this model release and language. Run the calibration.",
        "de": "Für diese Modellversion und Sprache gibt es noch keine Schwellenwerte. Bitte Kalibrierung ausführen.",
    },
    LightReason.CONTRADICTION: {
        "en": "Wording and calibrated probability disagree; the justification may not fit.",
        "de": "Wortlaut und kalibrierte Wahrscheinlichkeit widersprechen sich; die Begründung passt womöglich nicht.",
    },
    LightReason.NEUTRAL: {
        "en": "The answer starts with none of the verdict words.",
        "de": "Die Antwort beginnt mit keinem der vorgesehenen Wörter.",
    },
    LightReason.UNPARSABLE: {
        "en": "The answer contains no usable probabilities.",
        "de": "Die Antwort enthält keine verwertbaren Wahrscheinlichkeiten.",
    },
    LightReason.TIMEOUT: {
        "en": "The model did not answer in time.",
        "de": "Das Modell hat nicht rechtzeitig geantwortet.",
    },
    LightReason.UNAVAILABLE: {
        "en": "The model server is unreachable or closed the connection.",
        "de": "Der Modellserver ist nicht erreichbar oder hat die Verbindung abgebrochen.",
    },
    LightReason.REJECTED: {
        "en": "The model server rejected the request.",
        "de": "Der Modellserver hat die Anfrage abgelehnt.",
    },
}


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in a language, in English if there is no translation."""
    return texts.get(language, texts[DEFAULT_LANGUAGE])
