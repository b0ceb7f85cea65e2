"""How the page shows evidence: the text with its parts marked, and a line for each part. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.assessor.explain.explainer import model_of, obstacle
from services.assessor.explain.texts import STATUS_TEXT, why
from services.assessor.web.labels import task_language
from services.assessor.web.language import Texts
from signalbox.contracts.evidence import Effect, EvidenceStatus, effect_of
from signalbox.contracts.light import Light
from signalbox.contracts.record import EvidenceSpan, Record
from signalbox.tasks import Task

# Never by color alone: a sign, and a style of underline in the style sheet.
SIGN = {Effect.FOR: "+", Effect.AGAINST: "\N{MINUS SIGN}", Effect.IRRELEVANT: "\N{WHITE CIRCLE}"}
_EXCERPT_CHARACTERS = 90
_RETRIED = frozenset({EvidenceStatus.FAILED, EvidenceStatus.PARTIAL})


@dataclass(frozen=True)
class Piece:
    """A piece of the text in order; `effect` is None between parts."""

    text: str
    effect: str | None = None
    sign: str = ""


@dataclass(frozen=True)
class Line:
    """One part: its effect, the words it begins with, and what happens without it."""

    effect: str
    sign: str
    label: str
    excerpt: str
    why: str


@dataclass(frozen=True)
class EvidenceView:
    """Evidence in the page's language. `calls`: the calls that the button costs; None without a button."""

    pieces: list[Piece]
    lines: list[Line]
    note: str | None
    calls: int | None


def evidence_view(record: Record, task: Task, t: Texts, *, calls: int, store_text: bool) -> EvidenceView:
    """What the page shows and offers for a record. `calls`: the budget of calls to a decoder."""
    status, offered = record.evidence_status or obstacle(record), None
    if record.light is not Light.RED and (status is None or status in _RETRIED) and store_text:
        offered = 1 if model_of(record) == "encoder" else calls
    if offered == 0:
        status, offered = EvidenceStatus.NO_CALLS, None
    spans = () if record.light is Light.RED else record.evidence
    text = record.input_text or ""
    language = task_language(task, t)
    return EvidenceView(
        pieces=[*_pieces(text, [span for span in spans if not span.passages])],
        lines=[_line(span, record, task, t, language) for span in sorted(spans, key=_rank)],
        note=_note(status, spans, t),
        calls=offered,
    )


def _rank(span: EvidenceSpan) -> tuple[bool, float]:
    """What matters most comes first; what does not matter stays in the order of the text."""
    is_irrelevant = effect_of(span.weight) is Effect.IRRELEVANT
    return is_irrelevant, 0.0 if is_irrelevant else -abs(span.weight)


def _note(status: EvidenceStatus | None, spans: Sequence[EvidenceSpan], t: Texts) -> str | None:
    if status is None:
        return None
    note = t.pick(STATUS_TEXT[status])
    carries = any(effect_of(span.weight) is Effect.FOR for span in spans)
    return note if carries or not spans else f"{note} {t('evidence_none_carries')}"


def _pieces(text: str, spans: Sequence[EvidenceSpan]) -> Iterator[Piece]:
    """The text in pieces; nothing where a record's spans do not fit its text."""
    end = 0
    for span in spans:
        if not end <= span.start < span.end <= len(text):
            return
        if between := text[end : span.start]:
            yield Piece(between)
        effect = effect_of(span.weight)
        yield Piece(text[span.start : span.end], effect.value, SIGN[effect])
        end = span.end
    if spans and (rest := text[end:]):
        yield Piece(rest)


def _line(span: EvidenceSpan, record: Record, task: Task, t: Texts, language: str) -> Line:
    effect = effect_of(span.weight)
    quote = " … ".join(_passage(record, index) for index in span.passages)
    if not span.passages:
        quote = (record.input_text or "")[span.start : span.end]
    return Line(
        effect.value,
        SIGN[effect],
        t(f"evidence_{effect.value}"),
        _excerpt(quote),
        why(span, record, task, t, language),
    )


def _passage(record: Record, index: int) -> str:
    text = record.context[index] if index < len(record.context) else ""
    return f"[{index + 1}] {text}"


def _excerpt(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _EXCERPT_CHARACTERS else f"{text[:_EXCERPT_CHARACTERS].rstrip()} …"
