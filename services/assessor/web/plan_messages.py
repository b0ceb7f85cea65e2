"""The texts of the page /plan, in each of its languages. Those of an answer are the planner's."""

from __future__ import annotations

PLAN_MESSAGES: dict[str, dict[str, str]] = {
    "plan_title": {"en": "GPU memory for a model", "de": "GPU-Speicher für ein Modell"},
    "plan_intro": {
        "en": "Whether a model fits on a GPU, for how many requests, and the command to start it. Nothing is downloaded.",
        "de": "Ob ein Modell auf eine GPU passt, für wie viele Anfragen, und der Befehl zum Starten. Nichts wird "
        "heruntergeladen.",
    },
    "plan_link": {"en": "GPU memory for a model", "de": "GPU-Speicher für ein Modell"},
    "plan_model": {"en": "Model", "de": "Modell"},
    "plan_model_hint": {
        "en": "A name of the planner's catalog.",
        "de": "Ein Name aus dem Katalog des Planers.",
    },
    "plan_gpu": {"en": "GPUs", "de": "GPUs"},
    "plan_gpu_hint": {
        "en": "For example L4, 2xL4 or g6.12xlarge. Empty: all GPUs that hold the model.",
        "de": "Zum Beispiel L4, 2xL4 oder g6.12xlarge. Leer: alle GPUs, auf die das Modell passt.",
    },
    "plan_context": {"en": "Tokens per request", "de": "Token pro Anfrage"},
    "plan_context_hint": {"en": "Prompt and answer.", "de": "Prompt und Antwort."},
    "plan_concurrency": {"en": "Requests at once", "de": "Gleichzeitige Anfragen"},
    "plan_concurrency_hint": {
        "en": "Limit that the engine is started with.",
        "de": "Grenze, mit der die Engine startet.",
    },
    "plan_engine": {"en": "Engine", "de": "Engine"},
    "plan_quantization": {"en": "Quantization", "de": "Quantisierung"},
    "plan_choice": {"en": "Chosen by the planner", "de": "Vom Planer gewählt"},
    "plan_more": {"en": "More options", "de": "Weitere Angaben"},
    "plan_submit": {"en": "Plan", "de": "Planen"},
    "plan_download": {"en": "Download this page as a file", "de": "Diese Seite als Datei herunterladen"},
    "plan_error_model": {"en": "Enter a model.", "de": "Bitte geben Sie ein Modell an."},
    "plan_error_text": {
        "en": "Enter at most {maximum} characters, without control characters.",
        "de": "Höchstens {maximum} Zeichen, ohne Steuerzeichen.",
    },
    "plan_error_number": {
        "en": "Enter a whole number from 1 to {maximum}.",
        "de": "Bitte geben Sie eine ganze Zahl von 1 bis {maximum} an.",
    },
    "plan_busy": {
        "en": "Too many plans are being computed. Try again in a moment.",
        "de": "Es werden gerade zu viele Planungen berechnet. Bitte versuchen Sie es gleich noch einmal.",
    },
    "plan_slow": {
        "en": "The plan took more than {seconds} s and was stopped. Name the GPUs or the quantization, or try again later.",
        "de": "Die Planung dauerte länger als {seconds} s und wurde abgebrochen. Geben Sie GPUs oder die Quantisierung an, "
        "oder versuchen Sie es später noch einmal.",
    },
    "plan_failed": {
        "en": "The planner failed. Contact your administrator.",
        "de": "Der Planer ist fehlgeschlagen. Bitte wenden Sie sich an die Administration.",
    },
}
