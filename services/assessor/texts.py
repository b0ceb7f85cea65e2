"""The traffic light in words, for the API and the web page: how each light is shown, and a sentence for each reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from signalbox.contracts.certificate import Certificate
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
        "de": "Vorläufig: nicht zertifiziert. Das Modell ist sich sicher, aber für diese Version gibt es noch kein Zertifikat.",
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
    LightReason.LOW_MASS: {
        "en": "The model put much of its probability on words that are no answer.",
        "de": "Ein großer Teil der Wahrscheinlichkeit entfiel auf Wörter, die keine Antwort sind.",
    },
    LightReason.TRUNCATED: {
        "en": "The text is longer than the model can read; its end was cut off.",
        "de": "Der Text ist länger, als das Modell lesen kann; das Ende wurde abgeschnitten.",
    },
    LightReason.OUTSIDE_ZONE: {
        "en": "Provisional: not certified. The model is not sure enough for the certificate.",
        "de": "Vorläufig: nicht zertifiziert. Das Modell ist sich für das Zertifikat nicht sicher genug.",
    },
    LightReason.OTHER_KEY: {
        "en": "Provisional: not certified. The certificate is for another model release, prompt or threshold.",
        "de": "Vorläufig: nicht zertifiziert. Das Zertifikat gilt für eine andere Modellversion, einen anderen Prompt oder Schwellenwert.",
    },
    LightReason.EXPIRED: {
        "en": "Provisional: not certified. The certificate has expired.",
        "de": "Vorläufig: nicht zertifiziert. Das Zertifikat ist abgelaufen.",
    },
    LightReason.SUSPENDED: {
        "en": "Provisional: not certified. The texts or answers have changed (drift); this is being checked.",
        "de": "Vorläufig: nicht zertifiziert. Texte oder Antworten haben sich verändert (Drift); das wird geprüft.",
    },
    LightReason.REVOKED: {
        "en": "Provisional: not certified. The certificate was revoked because too many answers were wrong.",
        "de": "Vorläufig: nicht zertifiziert. Das Zertifikat wurde widerrufen, weil zu viele Antworten falsch waren.",
    },
    LightReason.STATE_UNKNOWN: {
        "en": "Provisional: not certified. Whether the certificate still holds cannot be read now.",
        "de": "Vorläufig: nicht zertifiziert. Ob das Zertifikat noch gilt, lässt sich gerade nicht feststellen.",
    },
    LightReason.REQUESTED: {
        "en": "Please judge this one yourself. We ask this for randomly chosen texts; the verdict appears once you have "
        "saved your answer.",
        "de": "Bitte beurteilen Sie diesen Text selbst. Darum bitten wir bei zufällig ausgewählten Texten; das Ergebnis "
        "sehen Sie, sobald Sie Ihre Antwort gespeichert haben.",
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


# The sentence of a green answer whose certificate is at hand.
STATEMENT = {
    "en": "Certified: at most {alpha} % of such answers are wrong ({errors} of {labels} checked ones were).",
    "de": "Zertifiziert: Höchstens {alpha} % solcher Antworten sind falsch ({errors} von {labels} geprüften waren es).",
}


def statement(certificate: Certificate, language: str) -> str:
    """What a certificate promises about a green answer, and the labels behind it."""
    row = certificate.decisive
    alpha = f"{100 * certificate.campaign.alpha:g}"
    if language == "de":
        alpha = alpha.replace(".", ",")
    return in_language(STATEMENT, language).format(alpha=alpha, errors=row.errors, labels=row.labels)


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in a language, in English if there is no translation."""
    return texts.get(language, texts[DEFAULT_LANGUAGE])
