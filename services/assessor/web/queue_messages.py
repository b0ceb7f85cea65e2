"""The texts of the queue's page, in each of its languages."""

from __future__ import annotations

QUEUE_MESSAGES: dict[str, dict[str, str]] = {
    "queue_title": {"en": "Texts to judge", "de": "Texte beurteilen"},
    "queue_intro": {
        "en": "You see texts without the verdict of the model. Your answers show how often the model is right.",
        "de": "Sie sehen die Texte ohne das Ergebnis des Modells. Ihre Antworten zeigen, wie oft das Modell richtig liegt.",
    },
    "queue_languages": {"en": "Language of the texts", "de": "Sprache der Texte"},
    "queue_all": {"en": "All languages", "de": "Alle Sprachen"},
    "queue_item": {"en": "Text", "de": "Text"},
    "queue_skip": {"en": "Skip", "de": "Überspringen"},
    "queue_unjudgeable": {"en": "Cannot be judged", "de": "Nicht beurteilbar"},
    "queue_undo": {"en": "Undo my last answer", "de": "Letzte Antwort zurücknehmen"},
    "queue_undone": {
        "en": "Your last answer was taken back. Here is the text again.",
        "de": "Ihre letzte Antwort wurde zurückgenommen. Hier ist der Text noch einmal.",
    },
    "queue_nothing_to_undo": {
        "en": "There is nothing to undo: an answer can be taken back for 10 minutes and until the next one.",
        "de": "Es gibt nichts zurückzunehmen: Das geht 10 Minuten lang und nur bis zur nächsten Antwort.",
    },
    "queue_keys": {
        "en": "One key answers: the one shown at the answer, S to skip, X if it cannot be judged, U to undo.",
        "de": "Eine Taste genügt: die bei der Antwort gezeigte, S zum Überspringen, X für „nicht beurteilbar“, "
        "U zum Zurücknehmen.",
    },
    "queue_kinds": {
        "en": "A skipped text comes again later. A text that nobody can judge counts against the model.",
        "de": "Ein übersprungener Text erscheint später wieder. Ein Text, den niemand beurteilen kann, zählt gegen das Modell.",
    },
    "queue_empty": {
        "en": "No text is waiting. New ones appear when a campaign is planned and texts arrive.",
        "de": "Es wartet kein Text. Neue erscheinen, sobald eine Kampagne geplant ist und Texte eintreffen.",
    },
    "queue_gone": {
        "en": "This text is no longer with you, so nothing was saved. Here is the next one.",
        "de": "Dieser Text ist Ihnen nicht mehr zugeteilt; es wurde nichts gespeichert. Hier ist der nächste.",
    },
    "queue_no_answer": {
        "en": "No answer was selected. Select one, skip the text, or say that it cannot be judged.",
        "de": "Es wurde keine Antwort gewählt. Wählen Sie eine, überspringen Sie den Text, oder wählen Sie „Nicht beurteilbar“.",
    },
    "queue_down": {
        "en": "The queue is temporarily unavailable and nothing was saved. Try again later.",
        "de": "Die Warteschlange ist vorübergehend nicht verfügbar, es wurde nichts gespeichert. Bitte versuchen Sie es "
        "später erneut.",
    },
    "queue_progress": {"en": "What your answers earn", "de": "Was Ihre Antworten bewirken"},
    "queue_group": {"en": "{language}, group {number}", "de": "{language}, Gruppe {number}"},
    "queue_price": {
        "en": "{name}: {labels} of {needed} labels, {wrong} wrong; {more} more right answers make the surest {share} green "
        "(about {texts} texts).",
        "de": "{name}: {labels} von {needed} Antworten, davon {wrong} gegen das Modell; {more} weitere richtige machen die "
        "sichersten {share} grün (etwa {texts} Texte).",
    },
    "queue_price_one": {
        "en": "{name}: {labels} of {needed} labels, {wrong} wrong; 1 more right answer makes the surest {share} green "
        "(about {texts} texts).",
        "de": "{name}: {labels} von {needed} Antworten, davon {wrong} gegen das Modell; eine weitere richtige macht die "
        "sichersten {share} grün (etwa {texts} Texte).",
    },
    "queue_price_none": {
        "en": "{name}: {labels} labels, {wrong} wrong. That is too many for the surest {share} to become green.",
        "de": "{name}: {labels} Antworten, davon {wrong} gegen das Modell. Das sind zu viele, um die sichersten {share} grün "
        "zu machen.",
    },
    "queue_price_all": {
        "en": "{name}: {labels} labels, {wrong} wrong. No more are needed.",
        "de": "{name}: {labels} Antworten, davon {wrong} gegen das Modell. Weitere sind nicht nötig.",
    },
    "queue_green": {
        "en": "They already show it for the surest {share}.",
        "de": "Für die sichersten {share} ist es schon gezeigt.",
    },
    "queue_lag": {
        "en": "The figures do not include answers that can still be undone.",
        "de": "Antworten, die noch zurückgenommen werden können, sind nicht mitgezählt.",
    },
    "queue_agreement": {
        "en": "{name}: two reviewers agree on {equal} of {rows} texts (kappa {kappa}).",
        "de": "{name}: Zwei Personen stimmen bei {equal} von {rows} Texten überein (Kappa {kappa}).",
    },
    "queue_agreement_plain": {
        "en": "{name}: two reviewers agree on {equal} of {rows} texts.",
        "de": "{name}: Zwei Personen stimmen bei {equal} von {rows} Texten überein.",
    },
}
