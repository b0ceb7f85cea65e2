"""The texts of the page, in each of its languages. Error messages say the cause first, then what to do."""

from __future__ import annotations

from services.assessor.web.certificate_messages import CERTIFICATE_MESSAGES
from services.assessor.web.plan_messages import PLAN_MESSAGES
from services.assessor.web.queue_messages import QUEUE_MESSAGES
from signalbox.contracts.routes import ROUTES

MESSAGES: dict[str, dict[str, str]] = {
    **QUEUE_MESSAGES,
    **CERTIFICATE_MESSAGES,
    **PLAN_MESSAGES,
    # --- frame ---
    "skip": {"en": "Skip to the content", "de": "Zum Inhalt springen"},
    "language_switch": {"en": "Language of this page", "de": "Sprache dieser Seite"},
    "page_title_error": {"en": "Error", "de": "Fehler"},
    "working": {"en": "Assessing, please wait …", "de": "Wird bewertet, bitte warten …"},
    # --- form ---
    "form_heading": {"en": "Assess a text", "de": "Text bewerten"},
    "form_heading_next": {"en": "Assess another text", "de": "Weiteren Text bewerten"},
    "text_label": {"en": "Text", "de": "Text"},
    "text_hint": {"en": "At most {maximum} characters.", "de": "Höchstens {maximum} Zeichen."},
    "text_count": {"en": "{count} of {maximum} characters", "de": "{count} von {maximum} Zeichen"},
    "context_label": {"en": "Context (optional)", "de": "Kontext (optional)"},
    "context_hint": {
        "en": "Passages to read with the text, separated by a blank line: at most {count}, of {maximum} characters each. "
        "The decoder reads them.",
        "de": "Passagen, die mit dem Text gelesen werden, durch Leerzeilen getrennt: höchstens {count} mit je {maximum} "
        "Zeichen. Nur der Decoder liest sie.",
    },
    "error_context": {
        "en": "The context has {passages} passages, the longest of {length} characters. Allowed are {count}, of {maximum} "
        "characters each.",
        "de": "Der Kontext hat {passages} Passagen, die längste mit {length} Zeichen. Erlaubt sind {count} mit je {maximum} "
        "Zeichen.",
    },
    "error_context_route": {
        "en": "This model reads no context. Remove the context, or choose the decoder.",
        "de": "Dieses Modell liest keinen Kontext. Entfernen Sie ihn, oder wählen Sie den Decoder.",
    },
    "text_language_label": {"en": "Language of the text", "de": "Sprache des Textes"},
    "model_label": {"en": "Model", "de": "Modell"},
    "route_encoder": {"en": ROUTES["encoder"].title, "de": "Encoder"},
    "route_encoder_hint": {"en": "Fast, no written justification", "de": "Schnell, ohne Begründung"},
    "route_decoder": {"en": ROUTES["decoder"].title, "de": "Decoder"},
    "route_decoder_hint": {"en": "Slower, with a written justification", "de": "Langsamer, mit Begründung"},
    "route_cascade": {"en": ROUTES["cascade"].title, "de": "Kaskade"},
    "route_cascade_hint": {
        "en": "Encoder first, decoder if it is unsure",
        "de": "Erst der Encoder, im Zweifel der Decoder",
    },
    "submit": {"en": "Assess", "de": "Bewerten"},
    # --- answer ---
    "answer_heading": {"en": "Answer", "de": "Antwort"},
    "provisional": {"en": "Provisional: not certified", "de": "Vorläufig: nicht zertifiziert"},
    "meaning_green": {
        "en": "The answer may be used as it is.",
        "de": "Die Antwort kann ohne weitere Prüfung verwendet werden.",
    },
    "meaning_yellow": {
        "en": "Check the answer before you use it.",
        "de": "Prüfen Sie die Antwort, bevor Sie sie verwenden.",
    },
    "meaning_red": {
        "en": "The verdict is withheld. Please assess the text yourself.",
        "de": "Das Ergebnis wird nicht angezeigt. Bitte beurteilen Sie den Text selbst.",
    },
    "verdict": {"en": "Verdict", "de": "Ergebnis"},
    "runner_up": {
        "en": "Runner-up: {word} ({probability})",
        "de": "An zweiter Stelle: {word} ({probability})",
    },
    "probabilities": {"en": "Probabilities", "de": "Wahrscheinlichkeiten"},
    "bars_more": {"en": "{count} more", "de": "{count} weitere"},
    "cut_off_above": {
        "en": "Above the calibrated threshold of this model, therefore “{word}”",
        "de": "Über dem kalibrierten Schwellenwert dieses Modells, daher „{word}“",
    },
    "cut_off_below": {
        "en": "Below the calibrated threshold of this model, therefore “{word}”",
        "de": "Unter dem kalibrierten Schwellenwert dieses Modells, daher „{word}“",
    },
    "reason": {"en": "Justification by the model", "de": "Begründung des Modells"},
    "no_reason_encoder": {
        "en": "None: an encoder answers without a written justification. The decoder writes one.",
        "de": "Keine: Ein Encoder antwortet ohne Begründung. Der Decoder liefert eine.",
    },
    "no_reason": {"en": "None was generated or stored.", "de": "Keine erzeugt oder gespeichert."},
    "assessed_text": {"en": "Assessed text", "de": "Bewerteter Text"},
    "text_not_kept": {
        "en": "Text storage is off; only its length is kept: {count} characters.",
        "de": "Texte werden nicht gespeichert, nur ihre Länge: {count} Zeichen.",
    },
    "context": {"en": "Context", "de": "Kontext"},
    "evidence_heading": {"en": "What the verdict rests on", "de": "Worauf sich das Ergebnis stützt"},
    "evidence_for": {"en": "Speaks for the verdict", "de": "Spricht für das Ergebnis"},
    "evidence_against": {"en": "Speaks against the verdict", "de": "Spricht gegen das Ergebnis"},
    "evidence_irrelevant": {"en": "Makes hardly any difference", "de": "Macht kaum einen Unterschied"},
    "evidence_end": {"en": "(end of the mark)", "de": "(Ende der Markierung)"},
    "evidence_none_carries": {
        "en": "No single part carries the verdict: whichever one is left out, it hardly becomes less probable.",
        "de": "Kein einzelner Teil trägt das Ergebnis: Egal welcher fehlt, es wird kaum weniger wahrscheinlich.",
    },
    "evidence_submit": {
        "en": "Show what the verdict rests on",
        "de": "Zeigen, worauf sich das Ergebnis stützt",
    },
    "evidence_hint": {
        "en": "The model reads the text again without each part, in {count} calls at most. This may take a while.",
        "de": "Das Modell liest den Text noch einmal ohne jeden Teil, in höchstens {count} Aufrufen. Das kann etwas dauern.",
    },
    "evidence_working": {"en": "Measuring, please wait …", "de": "Wird gemessen, bitte warten …"},
    "release": {"en": "Model release", "de": "Modellversion"},
    "revision": {"en": "Revision", "de": "Revision"},
    "no_release": {"en": "No model was available.", "de": "Es war kein Modell erreichbar."},
    "route": {"en": "Route", "de": "Modellweg"},
    "latency": {"en": "Time taken", "de": "Dauer"},
    "answered_at": {"en": "Answered", "de": "Beantwortet"},
    "again": {"en": "Edit or reassess this text", "de": "Diesen Text ändern oder erneut bewerten"},
    # --- feedback ---
    "feedback_heading": {"en": "What is the correct answer?", "de": "Was ist die richtige Antwort?"},
    "filter_label": {"en": "Filter the answers", "de": "Antworten filtern"},
    "filter_count": {"en": "{count} of {maximum} answers", "de": "{count} von {maximum} Antworten"},
    "filter_none": {
        "en": "No answer matches. Shorten the filter.",
        "de": "Keine Antwort passt. Kürzen Sie den Filter.",
    },
    "keys_hint": {
        "en": "Press a number to select an answer and Enter to save it.",
        "de": "Mit einer Zifferntaste wählen Sie eine Antwort, mit der Eingabetaste speichern Sie sie.",
    },
    "comment_label": {"en": "Comment (optional)", "de": "Kommentar (optional)"},
    "feedback_submit": {"en": "Save answer", "de": "Antwort speichern"},
    "feedback_correct": {"en": "Correct this entry", "de": "Eintrag korrigieren"},
    "thanks": {
        "en": "Thank you. Your entry is saved and helps to train and evaluate the model.",
        "de": "Vielen Dank. Ihr Eintrag ist gespeichert und hilft, das Modell zu trainieren und zu überprüfen.",
    },
    "entered": {"en": "Correct answer: {word}.", "de": "Richtige Antwort: {word}."},
    # --- history ---
    "history_heading": {"en": "My latest answers", "de": "Meine letzten Antworten"},
    "history_empty": {
        "en": "None yet. Answers from this browser are listed here.",
        "de": "Noch keine. Hier erscheinen die Antworten aus diesem Browser.",
    },
    "history_no_truth": {"en": "no correct answer entered", "de": "noch keine richtige Antwort eingetragen"},
    "history_truth": {"en": "correct answer: {word}", "de": "richtige Antwort: {word}"},
    "history_characters": {"en": "Text of {count} characters", "de": "Text mit {count} Zeichen"},
    "history_clear": {"en": "Clear this list", "de": "Liste leeren"},
    # --- legend ---
    "legend_heading": {"en": "What the lights mean", "de": "Was die Ampelfarben bedeuten"},
    "legend_green": {
        "en": "May be used as it is. Requires a certificate for this model release and language.",
        "de": "Kann ohne weitere Prüfung verwendet werden. Setzt ein Zertifikat für Modellversion und Sprache voraus.",
    },
    "legend_yellow": {
        "en": "Please check. Without a certificate, yellow is the best an answer can get.",
        "de": "Bitte prüfen. Ohne Zertifikat ist Gelb die höchste Stufe.",
    },
    "legend_red": {
        "en": "Not shown: the model is too unsure, gave no clear answer, or is unreachable.",
        "de": "Wird nicht angezeigt: Das Modell ist zu unsicher, antwortet nicht eindeutig oder ist nicht erreichbar.",
    },
    # --- errors ---
    "error_text_empty": {
        "en": "The text is missing. Enter the text to be assessed.",
        "de": "Der Text fehlt. Geben Sie den Text ein, der bewertet werden soll.",
    },
    "error_text_long": {
        "en": "The text has {count} characters; the limit is {maximum}. Shorten it by {excess}.",
        "de": "Der Text hat {count} Zeichen, erlaubt sind {maximum}. Bitte um {excess} kürzen.",
    },
    "error_text_characters": {
        "en": "The text contains control characters. Paste it as plain text.",
        "de": "Der Text enthält unzulässige Steuerzeichen. Fügen Sie ihn als unformatierten Text ein.",
    },
    "error_body_long": {
        "en": "The input is far too long and could not be processed. The limit is {maximum} characters.",
        "de": "Die Eingabe ist zu lang und konnte nicht übernommen werden. Erlaubt sind {maximum} Zeichen.",
    },
    "error_language": {
        "en": "The language “{value}” is unknown. Choose one of: {choices}.",
        "de": "Die Sprache „{value}“ ist unbekannt. Wählen Sie eine von: {choices}.",
    },
    "error_model": {
        "en": "The model “{value}” is unknown. Choose one of: {choices}.",
        "de": "Das Modell „{value}“ ist unbekannt. Wählen Sie eines von: {choices}.",
    },
    "error_label": {
        "en": "No answer is selected. Choose {choices}.",
        "de": "Es ist keine Antwort ausgewählt. Wählen Sie {choices}.",
    },
    "error_label_list": {
        "en": "No answer is selected. Select one from the list.",
        "de": "Es ist keine Antwort ausgewählt. Wählen Sie eine aus der Liste.",
    },
    "or": {"en": " or ", "de": " oder "},
    "quoted": {"en": "“{word}”", "de": "„{word}“"},
    "error_comment_long": {
        "en": "The comment has {count} characters; the limit is {maximum}. Shorten it by {excess}.",
        "de": "Der Kommentar hat {count} Zeichen, erlaubt sind {maximum}. Bitte um {excess} kürzen.",
    },
    "error_form": {
        "en": "The form could not be read. Use the form on this page.",
        "de": "Das Formular konnte nicht gelesen werden. Verwenden Sie das Formular auf dieser Seite.",
    },
    "error_origin": {
        "en": "The form was sent from another site and was not processed. Use the form on this page.",
        "de": "Das Formular kam von einer anderen Website und wurde nicht verarbeitet. "
        "Verwenden Sie das Formular auf dieser Seite.",
    },
    "error_answer_unknown": {
        "en": "This answer does not exist or was deleted. Assess the text again.",
        "de": "Diese Antwort gibt es nicht, oder sie wurde gelöscht. Bewerten Sie den Text erneut.",
    },
    "error_store": {
        "en": "Earlier answers are temporarily unavailable. You can still assess texts; try again later.",
        "de": "Frühere Antworten sind vorübergehend nicht verfügbar. Sie können weiterhin Texte bewerten; "
        "bitte versuchen Sie es später erneut.",
    },
    "error_not_assessed": {
        "en": "The text could not be assessed because the service is misconfigured. Contact your administrator.",
        "de": "Der Text konnte nicht bewertet werden, weil der Dienst fehlerhaft konfiguriert ist. "
        "Bitte wenden Sie sich an die Administration.",
    },
    "error_not_saved": {
        "en": "Nothing was saved because the database is unreachable. Your input is still here; try again later.",
        "de": "Es wurde nichts gespeichert, die Datenbank ist nicht erreichbar. Ihre Eingabe bleibt erhalten; "
        "bitte versuchen Sie es später erneut.",
    },
}
