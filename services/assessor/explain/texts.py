"""Evidence as the API and the page show it: its shapes, and a sentence for each part and each status."""

from __future__ import annotations

from pydantic import Field

from services.assessor.texts import in_language
from services.assessor.web.language import LANGUAGES, Texts
from signalbox.contracts.evidence import Effect, EvidenceStatus, EvidenceUnit, effect_of
from signalbox.contracts.labels import NEUTRAL, Probability, Verdict
from signalbox.contracts.light import Light
from signalbox.contracts.record import Contract, EvidenceSpan, Record
from signalbox.tasks import Task

UNIT: dict[EvidenceUnit, dict[str, str]] = {
    "sentence": {"en": "this sentence", "de": "diesen Satz"},
    "sentences": {"en": "these sentences", "de": "diese Sätze"},
    "words": {"en": "these words", "de": "diese Wörter"},
    "passage": {"en": "this passage", "de": "diese Passage"},
    "passages": {"en": "these passages", "de": "diese Passagen"},
}
WHY: dict[Effect, dict[str, str]] = {
    Effect.FOR: {
        "en": "Without {unit}, the probability of “{word}” falls from {before} to {after}.",
        "de": "Ohne {unit} sinkt die Wahrscheinlichkeit für „{word}“ von {before} auf {after}.",
    },
    Effect.AGAINST: {
        "en": "Without {unit}, the probability of “{word}” rises from {before} to {after}.",
        "de": "Ohne {unit} steigt die Wahrscheinlichkeit für „{word}“ von {before} auf {after}.",
    },
    Effect.IRRELEVANT: {
        "en": "Without {unit}, the probability of “{word}” hardly changes: {before}, then {after}.",
        "de": "Ohne {unit} ändert sich die Wahrscheinlichkeit für „{word}“ kaum: {before}, dann {after}.",
    },
}
OTHER_VERDICT = {
    "en": "The verdict would then be “{other}”.",
    "de": "Das Ergebnis wäre dann „{other}“.",
}
NO_VERDICT = {
    "en": "There would then be no clear verdict.",
    "de": "Dann gäbe es kein eindeutiges Ergebnis.",
}
STATUS_TEXT: dict[EvidenceStatus, dict[str, str]] = {
    EvidenceStatus.MEASURED: {
        "en": "Each part was left out once, and the model read the rest again.",
        "de": "Jeder Teil wurde einmal weggelassen, und das Modell hat den Rest neu gelesen.",
    },
    EvidenceStatus.PARTIAL: {
        "en": "Incomplete: without some of the parts, the model gave no usable answer.",
        "de": "Unvollständig: Ohne einige der Teile gab das Modell keine verwertbare Antwort.",
    },
    EvidenceStatus.WITHHELD: {
        "en": "Evidence is withheld with the verdict: it would reveal it.",
        "de": "Mit dem Ergebnis wird auch die Begründung aus dem Text zurückgehalten: Sie würde es verraten.",
    },
    EvidenceStatus.NO_VERDICT: {
        "en": "The model gave no verdict, so no part of the text speaks for or against one.",
        "de": "Das Modell kam zu keinem Ergebnis, daher spricht auch kein Textteil dafür oder dagegen.",
    },
    EvidenceStatus.NO_PROBABILITIES: {
        "en": "This model gives no usable probabilities, and without them evidence cannot be measured.",
        "de": "Dieses Modell liefert keine verwertbaren Wahrscheinlichkeiten. Ohne sie lässt sich nicht messen, worauf "
        "sich das Ergebnis stützt.",
    },
    EvidenceStatus.NO_ANSWER: {
        "en": "No model answered, so there is no verdict to explain.",
        "de": "Es hat kein Modell geantwortet, also gibt es kein Ergebnis zu erklären.",
    },
    EvidenceStatus.TOO_SHORT: {
        "en": "The text is too short: nothing can be left out.",
        "de": "Der Text ist zu kurz: Es lässt sich nichts weglassen.",
    },
    EvidenceStatus.NO_CALLS: {
        "en": "The budget of calls (SIGNALBOX_EVIDENCE_CALLS, or evidence_calls of the task) is too small for evidence.",
        "de": "Die zulässige Zahl der Modellaufrufe (SIGNALBOX_EVIDENCE_CALLS oder evidence_calls der Aufgabe) reicht "
        "dafür nicht aus.",
    },
    EvidenceStatus.FAILED: {
        "en": "The model did not answer the calls for the evidence. Try again later.",
        "de": "Das Modell hat auf die zusätzlichen Aufrufe nicht geantwortet. Bitte versuchen Sie es später erneut.",
    },
    EvidenceStatus.OTHER_RELEASE: {
        "en": "The model release that gave this answer no longer answers. Assess the text again.",
        "de": "Die Modellversion, von der diese Antwort stammt, ist nicht mehr in Betrieb. Bewerten Sie den Text erneut.",
    },
    EvidenceStatus.NO_TEXT: {
        "en": "Texts are not stored here, so evidence can only be requested together with the assessment.",
        "de": "Texte werden hier nicht gespeichert. Daher lässt sich das nur zusammen mit der Bewertung anfordern.",
    },
}


class PublicPart(Contract):
    """A part of the input, and what happens to the verdict without it."""

    start: int = Field(
        description="First character of the part in the text as it was sent. Offsets count Unicode code points: not "
        "bytes, and not UTF-16 units as `length` of JavaScript or Java does. 0 for passages."
    )
    end: int = Field(description="Character after the part, counted in the same way. 0 for passages.")
    passages: tuple[int, ...] = Field(
        description="Positions in `context` of the passages that the part consists of; empty for a part of the text."
    )
    unit: EvidenceUnit = Field(
        description="What the part is. Several sentences or passages were left out together."
    )
    effect: Effect
    weight: float = Field(
        description="Probability of the verdict with the whole input less that without this part."
    )
    probability_without: Probability = Field(description="Probability of the verdict without this part.")
    verdict_without: Verdict | None = Field(description="The verdict without this part.")
    text: str = Field(description="The effect as a sentence, in the language of the text.")


class PublicEvidence(Contract):
    """Which parts of the input carry the verdict, or why there is no evidence."""

    status: EvidenceStatus
    text: str = Field(description="The status as a sentence, in the language of the text.")
    parts: tuple[PublicPart, ...] = Field(description="In the order of the input, passages first.")


def public_evidence(record: Record, task: Task) -> PublicEvidence | None:
    """The evidence of a record, None if none was requested. A red light shows its status only, never a part."""
    if record.evidence_status is None:
        return None
    text = in_language(STATUS_TEXT[record.evidence_status], record.language)
    if record.light is Light.RED:
        return PublicEvidence(status=record.evidence_status, text=text, parts=())
    parts = tuple(_part(span, record, task) for span in record.evidence)
    return PublicEvidence(status=record.evidence_status, text=text, parts=parts)


def why(span: EvidenceSpan, record: Record, task: Task, t: Texts, language: str) -> str:
    """The effect of a part as a sentence of `t`, with the words of the labels in a language of the task."""
    before, after = _probabilities(span, record)
    values = {
        "unit": t.pick(UNIT[span.unit]),
        "word": task.word(record.verdict, language),
        "before": t.percent(before),
        "after": t.percent(after),
    }
    sentence = t.pick(WHY[effect_of(span.weight)]).format(**values)
    if span.verdict is None or span.verdict == record.verdict:
        return sentence
    if span.verdict == NEUTRAL:
        return f"{sentence} {t.pick(NO_VERDICT)}"
    return f"{sentence} {t.pick(OTHER_VERDICT).format(other=task.word(span.verdict, language))}"


def _part(span: EvidenceSpan, record: Record, task: Task) -> PublicPart:
    shift = 0 if span.passages else record.input_start
    t = Texts(record.language if record.language in LANGUAGES else "en")
    return PublicPart(
        start=span.start + shift,
        end=span.end + shift,
        passages=span.passages,
        unit=span.unit,
        effect=effect_of(span.weight),
        weight=span.weight,
        probability_without=_probabilities(span, record)[1],
        verdict_without=span.verdict,
        text=why(span, record, task, t, record.language),
    )


def _probabilities(span: EvidenceSpan, record: Record) -> tuple[float, float]:
    """The verdict's probability with and without a part."""
    before = (record.probabilities or {}).get(record.verdict, 0.0)
    return before, min(1.0, max(0.0, before - span.weight))
