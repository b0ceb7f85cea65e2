"""What the templates show: one answer, and the list of the latest ones. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from services.assessor.schemas import to_public
from services.assessor.texts import APPEARANCE, REASON_TEXT, statement
from services.assessor.web.labels import Bar, bars, folded, runner_up, word_of
from services.assessor.web.language import Texts
from signalbox.contracts.certificate import Certificate
from signalbox.contracts.labels import LabelProbabilities, Verdict
from signalbox.contracts.light import Light
from signalbox.contracts.record import Feedback, Record
from signalbox.tasks import Task

_EXCERPT_CHARACTERS = 120


@dataclass(frozen=True)
class LightView:
    """A light in the page's language."""

    color: str
    symbol: str
    word: str


@dataclass(frozen=True)
class AnswerView:
    """One answer in the page's language. What the light withholds is None."""

    id: str
    light: LightView
    meaning: str
    reason: str
    provisional: str | None
    verdict: str | None
    runner_up: Bar | None
    bars: list[Bar]
    more_bars: list[Bar]
    cut_off: str | None
    justification: str | None
    no_justification: str | None
    text: str | None
    context: tuple[str, ...]
    characters: int
    language: str
    route: str
    release: str | None
    revision: str | None
    latency: str
    time: str
    timestamp: str


@dataclass(frozen=True)
class HistoryRow:
    """One line of the list of answers."""

    id: str
    light: LightView
    verdict: str | None
    excerpt: str | None
    characters: int
    language: str
    route: str
    truth: str | None
    time: str
    timestamp: str


def light_view(light: Light, t: Texts) -> LightView:
    """How a light is shown."""
    look = APPEARANCE[light]
    return LightView(light.value, look.symbol, t.pick(look.word))


def answer_view(record: Record, task: Task, t: Texts, certificate: Certificate | None = None) -> AnswerView:
    """The card of one answer. `to_public` has removed what a red light withholds."""
    public = to_public(record, task)
    reason = t.pick(REASON_TEXT[public.light.reason])
    if certificate is not None:
        reason = statement(certificate, t.language)
    provisional = t("provisional") if record.light is Light.YELLOW and public.light.provisional else None
    release, rows = public.release, bars(public.probabilities, public.verdict, task, t)
    first, more = folded(rows)
    return AnswerView(
        id=public.id,
        light=light_view(public.light.color, t),
        meaning=t(f"meaning_{public.light.color.value}"),
        reason=reason.removeprefix(f"{provisional}.").strip(),
        provisional=provisional,
        verdict=_verdict_word(public.verdict, task, t),
        runner_up=runner_up(rows),
        bars=first,
        more_bars=more,
        cut_off=_cut_off(public.verdict, public.probabilities, task, t),
        justification=public.justification,
        no_justification=_no_justification(record, t) if public.verdict else None,
        text=record.input_text,
        context=record.context,
        characters=record.input_characters,
        language=public.language,
        route=t(f"route_{public.route}"),
        release=f"{release.name} · {release.engine} · {release.quantization}" if release else None,
        revision=release.revision if release else None,
        latency=t.seconds(public.latency_seconds),
        time=t.time(record.created_at),
        timestamp=record.created_at.isoformat(),
    )


def history_row(record: Record, feedback: list[Feedback], task: Task, t: Texts) -> HistoryRow:
    """One line: the light, the verdict unless withheld, the text's start, the ground truth."""
    public = to_public(record, task)
    return HistoryRow(
        id=public.id,
        light=light_view(public.light.color, t),
        verdict=_verdict_word(public.verdict, task, t),
        excerpt=_excerpt(record.input_text),
        characters=record.input_characters,
        language=public.language,
        route=t(f"route_{public.route}"),
        truth=word_of(feedback[-1].label, task, t) if feedback else None,
        time=t.time(record.created_at),
        timestamp=record.created_at.isoformat(),
    )


def _verdict_word(verdict: Verdict | None, task: Task, t: Texts) -> str | None:
    """The verdict in the page's language, as the question is."""
    return None if verdict is None else word_of(verdict, task, t)


def _cut_off(
    verdict: Verdict | None, probabilities: LabelProbabilities | None, task: Task, t: Texts
) -> str | None:
    """Explains a verdict that seems to contradict its probability: the threshold is not one half."""
    positive = task.positive
    if positive is None or not probabilities or verdict not in probabilities or positive not in probabilities:
        return None
    if (probabilities[positive] >= 0.5) == (verdict == positive):
        return None
    return t(f"cut_off_{'above' if verdict == positive else 'below'}", word=word_of(verdict, task, t))


def _no_justification(record: Record, t: Texts) -> str | None:
    if record.justification:
        return None
    # Only a decoder counts tokens, and only an encoder has no first token to weigh.
    by_encoder = record.verdict_mass is None and record.completion_tokens is None
    return t("no_reason_encoder") if by_encoder else t("no_reason")


def _excerpt(text: str | None) -> str | None:
    if text is None or len(text) <= _EXCERPT_CHARACTERS:
        return text
    return f"{text[:_EXCERPT_CHARACTERS].rstrip()} …"
