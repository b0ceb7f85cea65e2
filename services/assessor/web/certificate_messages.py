"""The texts of the certificates' page, in each of its languages."""

from __future__ import annotations

CERTIFICATE_MESSAGES: dict[str, dict[str, str]] = {
    "certificates_title": {"en": "Certificates", "de": "Zertifikate"},
    "certificates_intro": {
        "en": "A certificate bounds the error among green answers. Here is which ones hold, and what happened to them.",
        "de": "Ein Zertifikat begrenzt den Fehler unter den grünen Antworten. Hier sehen Sie, welche gelten und was mit "
        "ihnen geschah.",
    },
    "certificates_none": {
        "en": "There is no certificate yet, so no answer is green.",
        "de": "Es gibt noch kein Zertifikat, daher ist keine Antwort grün.",
    },
    "certificates_link": {"en": "Certificates and their history", "de": "Zertifikate und ihr Verlauf"},
    "certificate_of": {"en": "{language}, {route}: {verdict}", "de": "{language}, {route}: {verdict}"},
    "certificate_all": {"en": "all verdicts", "de": "alle Ergebnisse"},
    "certificate_states": {"en": "State", "de": "Zustand"},
    "certificate_promise": {
        "en": "At most {alpha} of such answers are wrong ({errors} of {labels} checked ones were). It covers the surest "
        "{share}.",
        "de": "Höchstens {alpha} solcher Antworten sind falsch ({errors} von {labels} geprüften waren es). Es umfasst die "
        "sichersten {share}.",
    },
    "certificate_ended": {
        "en": "It does not count now. It said: at most {alpha} of such answers are wrong ({errors} of {labels} checked ones "
        "were), among the surest {share}.",
        "de": "Es zählt zurzeit nicht. Es besagte: Höchstens {alpha} solcher Antworten sind falsch ({errors} von {labels} "
        "geprüften waren es), unter den sichersten {share}.",
    },
    "certificate_valid": {"en": "Valid until {time}", "de": "Gültig bis {time}"},
    "certificate_history": {"en": "History", "de": "Verlauf"},
    "certificate_no_events": {
        "en": "No change is recorded yet.",
        "de": "Noch ist keine Änderung verzeichnet.",
    },
    "state_certified": {"en": "Valid", "de": "Gültig"},
    "state_suspended": {
        "en": "Suspended: drift, being checked",
        "de": "Ausgesetzt: Drift, wird geprüft",
    },
    "state_revoked": {"en": "Revoked", "de": "Widerrufen"},
    "state_expired": {"en": "Expired", "de": "Abgelaufen"},
    "state_unknown": {"en": "Not readable now", "de": "Zurzeit nicht lesbar"},
    "action_issue": {"en": "Issued", "de": "Ausgestellt"},
    "action_suspend": {"en": "Suspended", "de": "Ausgesetzt"},
    "action_restore": {"en": "Restored", "de": "Wieder in Kraft gesetzt"},
    "action_revoke": {"en": "Revoked", "de": "Widerrufen"},
    "action_expire": {"en": "Expired", "de": "Abgelaufen"},
    "cause_labels": {
        "en": "{errors} of {labels} checked answers were wrong, which shows the bound.",
        "de": "{errors} von {labels} geprüften Antworten waren falsch; das belegt die Grenze.",
    },
    "cause_detector": {
        "en": "Too many errors since it was issued: {errors} of {labels} checked answers were wrong.",
        "de": "Zu viele Fehler seit der Ausstellung: {errors} von {labels} geprüften Antworten waren falsch.",
    },
    "cause_output": {
        "en": "The probabilities of the answers have changed.",
        "de": "Die Wahrscheinlichkeiten der Antworten haben sich verändert.",
    },
    "cause_green_share": {
        "en": "The share of confident answers has changed.",
        "de": "Der Anteil der sicheren Antworten hat sich verändert.",
    },
    "cause_texts": {"en": "The texts have changed.", "de": "Die Texte haben sich verändert."},
    "cause_golden": {
        "en": "The answers to the golden rows have changed, although release and prompt are the same.",
        "de": "Die Antworten auf die Prüftexte haben sich verändert, obwohl Modellversion und Prompt gleich sind.",
    },
    "cause_date": {"en": "Its time is over.", "de": "Der Gültigkeitszeitraum ist vorbei."},
    "cause_person": {"en": "{reason}", "de": "{reason}"},
}
