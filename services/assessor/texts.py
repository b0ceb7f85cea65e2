"""What the page says, in every language it speaks: a table of messages, and how numbers are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

DEFAULT_LANGUAGE = "en"

TEXTS: dict[str, dict[str, str]] = {
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
    "text_language_label": {"en": "Language of the text", "de": "Sprache des Textes"},
    "model_label": {"en": "Model", "de": "Modell"},
    "route_encoder": {"en": "Encoder", "de": "Encoder"},
    "route_encoder_hint": {"en": "Fast, without a written reason", "de": "Schnell, ohne Begründung"},
    "route_decoder": {"en": "Decoder", "de": "Decoder"},
    "route_decoder_hint": {"en": "Slower, with a written reason", "de": "Langsamer, mit Begründung"},
    "route_cascade": {"en": "Cascade", "de": "Kaskade"},
    "route_cascade_hint": {
        "en": "Encoder first, decoder when it is unsure",
        "de": "Erst Encoder, bei Zweifel Decoder",
    },
    "submit": {"en": "Assess", "de": "Bewerten"},
    # --- answer ---
    "answer_heading": {"en": "Answer", "de": "Antwort"},
    "provisional": {"en": "Provisional: not certified", "de": "Vorläufig: nicht zertifiziert"},
    "meaning_green": {
        "en": "The answer may be used as it is.",
        "de": "Die Antwort kann so verwendet werden.",
    },
    "meaning_yellow": {
        "en": "Check the answer before you use it.",
        "de": "Prüfen Sie die Antwort, bevor Sie sie verwenden.",
    },
    "meaning_red": {
        "en": "The verdict is withheld. Judge this text yourself.",
        "de": "Das Urteil wird zurückgehalten. Beurteilen Sie diesen Text selbst.",
    },
    "verdict": {"en": "Verdict", "de": "Urteil"},
    "p_yes": {"en": "Probability of “{word}”", "de": "Wahrscheinlichkeit für „{word}“"},
    "cut_off_yes": {
        "en": "Above the calibrated cut-off of this model, so “{yes}”",
        "de": "Über der kalibrierten Grenze dieses Modells, daher „{yes}“",
    },
    "cut_off_no": {
        "en": "Below the calibrated cut-off of this model, so “{no}”",
        "de": "Unter der kalibrierten Grenze dieses Modells, daher „{no}“",
    },
    "reason": {"en": "Reason given by the model", "de": "Begründung des Modells"},
    "no_reason_encoder": {
        "en": "None: an encoder answers without a written reason. The decoder gives one.",
        "de": "Keine: Ein Encoder antwortet ohne Begründung. Der Decoder gibt eine.",
    },
    "no_reason": {"en": "None was given or kept.", "de": "Es wurde keine gegeben oder aufbewahrt."},
    "assessed_text": {"en": "Assessed text", "de": "Bewerteter Text"},
    "text_not_kept": {
        "en": "The text is not kept, by setting; only its length is: {count} characters.",
        "de": "Der Text wird laut Einstellung nicht aufbewahrt, nur seine Länge: {count} Zeichen.",
    },
    "release": {"en": "Model release", "de": "Modellversion"},
    "revision": {"en": "Revision", "de": "Revision"},
    "no_release": {"en": "No model could be asked.", "de": "Es konnte kein Modell gefragt werden."},
    "asked_through": {"en": "Asked through", "de": "Gefragt über"},
    "latency": {"en": "Time taken", "de": "Dauer"},
    "answered_at": {"en": "Answered", "de": "Beantwortet"},
    "again": {"en": "Edit or assess this text again", "de": "Diesen Text ändern oder erneut bewerten"},
    # --- feedback ---
    "feedback_heading": {
        "en": "Ground truth: what is the right answer?",
        "de": "Was ist die richtige Antwort?",
    },
    "comment_label": {"en": "Comment (optional)", "de": "Kommentar (freiwillig)"},
    "feedback_submit": {"en": "Save ground truth", "de": "Antwort speichern"},
    "feedback_correct": {"en": "Correct this entry", "de": "Eintrag berichtigen"},
    "thanks": {
        "en": "Thank you. Your entry is saved; it helps to train and to check the model.",
        "de": "Danke. Ihr Eintrag ist gespeichert; er hilft, das Modell zu trainieren und zu prüfen.",
    },
    "entered": {"en": "Ground truth entered: {word}.", "de": "Eingetragene richtige Antwort: {word}."},
    # --- history ---
    "history_heading": {"en": "My last answers", "de": "Meine letzten Antworten"},
    "history_empty": {
        "en": "None yet. Answers that you ask for in this browser are listed here.",
        "de": "Noch keine. Antworten, die Sie in diesem Browser einholen, stehen hier.",
    },
    "history_no_truth": {"en": "no ground truth yet", "de": "noch ohne richtige Antwort"},
    "history_truth": {"en": "ground truth: {word}", "de": "richtige Antwort: {word}"},
    "history_characters": {"en": "Text of {count} characters", "de": "Text mit {count} Zeichen"},
    "history_clear": {"en": "Clear this list", "de": "Liste leeren"},
    # --- legend ---
    "legend_heading": {"en": "What the lights mean", "de": "Was die Ampel bedeutet"},
    "legend_green": {
        "en": "May be used as it is. Needs a certificate for this model release and language.",
        "de": "Kann so verwendet werden. Setzt ein Zertifikat für Modellversion und Sprache voraus.",
    },
    "legend_yellow": {
        "en": "Check it. Without a certificate no answer is better than this.",
        "de": "Bitte prüfen. Ohne Zertifikat ist keine Antwort besser als das.",
    },
    "legend_red": {
        "en": "Not shown: the model is too unsure, gave no clear answer, or could not be reached.",
        "de": "Wird nicht gezeigt: Das Modell ist zu unsicher, antwortet unklar oder ist nicht erreichbar.",
    },
    # --- errors: cause, then hint ---
    "error_text_empty": {
        "en": "There is no text. Enter the text to be assessed.",
        "de": "Der Text fehlt. Geben Sie den Text ein, der bewertet werden soll.",
    },
    "error_text_long": {
        "en": "The text has {count} characters, {maximum} are possible. Shorten it by {excess}.",
        "de": "Der Text hat {count} Zeichen, möglich sind {maximum}. Kürzen Sie ihn um {excess}.",
    },
    "error_text_characters": {
        "en": "The text holds characters that are no text. Paste it as plain text.",
        "de": "Der Text enthält Zeichen, die kein Text sind. Fügen Sie ihn als reinen Text ein.",
    },
    "error_body_long": {
        "en": "The input is far too long and could not be kept. At most {maximum} characters are possible.",
        "de": "Die Eingabe ist viel zu lang und ging verloren. Möglich sind höchstens {maximum} Zeichen.",
    },
    "error_language": {
        "en": "The language “{value}” is unknown. Choose one of: {known}.",
        "de": "Die Sprache „{value}“ ist unbekannt. Wählen Sie eine von: {known}.",
    },
    "error_model": {
        "en": "The model “{value}” is unknown. Choose one of: {known}.",
        "de": "Das Modell „{value}“ ist unbekannt. Wählen Sie eines von: {known}.",
    },
    "error_label": {
        "en": "No answer is chosen. Choose “{yes}” or “{no}”.",
        "de": "Keine Antwort gewählt. Wählen Sie „{yes}“ oder „{no}“.",
    },
    "error_comment_long": {
        "en": "The comment has {count} characters, {maximum} are possible. Shorten it by {excess}.",
        "de": "Der Kommentar hat {count} Zeichen, möglich sind {maximum}. Kürzen Sie ihn um {excess}.",
    },
    "error_form": {
        "en": "The form could not be read. Use the form on this page.",
        "de": "Das Formular war nicht lesbar. Verwenden Sie das Formular auf dieser Seite.",
    },
    "error_origin": {
        "en": "The form was sent from another site, so nothing was done. Use the form on this page.",
        "de": "Das Formular kam von einer fremden Seite, es geschah nichts. Verwenden Sie dieses Formular.",
    },
    "error_answer_unknown": {
        "en": "This answer is not known, or no longer kept. Assess the text again.",
        "de": "Diese Antwort ist nicht bekannt oder nicht mehr vorhanden. Bewerten Sie den Text erneut.",
    },
    "error_store": {
        "en": "Earlier answers cannot be read just now. New texts can be assessed; try again later.",
        "de": "Frühere Antworten sind gerade nicht lesbar. Neue Texte sind möglich; später erneut versuchen.",
    },
    "error_not_assessed": {
        "en": "The text could not be assessed: the service is not set up. Tell whoever runs it; see its log.",
        "de": "Bewertung nicht möglich: Der Dienst ist nicht eingerichtet. Melden Sie es dem Betrieb (Log).",
    },
    "error_not_saved": {
        "en": "Nothing was saved: the record store cannot be reached. Your input is kept; try again later.",
        "de": "Nichts gespeichert: Der Speicher ist nicht erreichbar. Ihre Eingabe bleibt; später erneut.",
    },
}

LANGUAGE_NAMES: dict[str, dict[str, str]] = {
    "en": {"en": "English", "de": "Englisch"},
    "de": {"en": "German", "de": "Deutsch"},
}
OWN_NAMES = {"en": "English", "de": "Deutsch"}
LANGUAGES = tuple(OWN_NAMES)

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_PERCENT_SIGN = {"en": "%", "de": f"{_NO_BREAK_SPACE}%"}
_DECIMAL_MARK = {"en": ".", "de": ","}
_THOUSANDS_MARK = {"en": ",", "de": "."}
_TIME_FORMAT = {"en": "%Y-%m-%d, %H:%M UTC", "de": "%d.%m.%Y, %H:%M UTC"}


class Texts:
    """The messages of one language: `t("text_hint", maximum=4000)`."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        """One message with its values filled in; whole numbers get their thousands mark."""
        shown = {
            name: self.count(value) if isinstance(value, int) else value for name, value in values.items()
        }
        return TEXTS[key][self.language].format(**shown)

    def raw(self, key: str) -> str:
        """One message with its places still open, for a script to fill in."""
        return TEXTS[key][self.language]

    def pick(self, texts: Mapping[str, str]) -> str:
        """This language's entry, else the default language's, else any: a task may know other languages."""
        return texts.get(self.language) or texts.get(DEFAULT_LANGUAGE) or next(iter(texts.values()))

    def language_name(self, code: str) -> str:
        """How this language calls another one."""
        return LANGUAGE_NAMES[code][self.language] if code in LANGUAGE_NAMES else code

    def count(self, number: int) -> str:
        """A whole number."""
        return f"{number:,}".replace(",", _THOUSANDS_MARK[self.language])

    def percent(self, share: float) -> str:
        """A probability with one decimal; never rounded to an impossible 0 or 100."""
        sign = ""
        if share < 0.0005:
            sign, share = "< ", 0.001
        elif share >= 0.9995:
            sign, share = "> ", 0.999
        return f"{sign}{self._decimal(100 * share, 1)}{_PERCENT_SIGN[self.language]}"

    def seconds(self, seconds: float) -> str:
        """A duration."""
        if seconds < 0.01:
            return f"< {self._decimal(0.01, 2)}{_NO_BREAK_SPACE}s"
        return f"{self._decimal(seconds, 2 if seconds < 10 else 0)}{_NO_BREAK_SPACE}s"

    def time(self, moment: datetime) -> str:
        """A moment in UTC: the server does not know the reader's zone."""
        return moment.astimezone(UTC).strftime(_TIME_FORMAT[self.language])

    def _decimal(self, number: float, digits: int) -> str:
        return f"{number:.{digits}f}".replace(".", _DECIMAL_MARK[self.language])


def negotiate(accept_language: str) -> str:
    """The page's language that an Accept-Language header prefers, else the default."""
    wanted: list[tuple[float, str]] = []
    for item in accept_language.split(","):
        tag, _, parameter = item.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        code = tag.strip().lower().partition("-")[0]
        if code in LANGUAGES and weight > 0:
            wanted.append((weight, code))
    # max keeps the first of equals, as the header's order means.
    return max(wanted, key=lambda entry: entry[0])[1] if wanted else DEFAULT_LANGUAGE
