"""Evidence from a model whose probabilities follow from the words it reads."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from signalbox.contracts.evidence import Effect, EvidenceStatus, effect_of
from signalbox.contracts.labels import NO, YES, yes_no
from signalbox.contracts.record import ModelRelease
from signalbox.errors import ModelUnavailable, ModelUnparsable
from signalbox.evidence import Question, Verdicts, measure
from signalbox.models.base import Answer
from tests.helpers import RELEASE

TEXT = "The request is for a ramp. It is needed. It is not proven."


class WordModel:
    """p(yes) by word: "needed" adds, "not" subtracts. It fails from call `fails_from` on."""

    def __init__(
        self, fails_from: int = 10**6, release: ModelRelease = RELEASE, silent_on: str = "\0"
    ) -> None:
        self.texts: list[str] = []
        self.contexts: list[tuple[str, ...]] = []
        self.batches = 0
        self._fails_from, self._release, self._silent_on = fails_from, release, silent_on

    async def release(self) -> ModelRelease:
        return self._release

    async def ready(self) -> bool:
        return True

    async def answer(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        self.texts.append(text)
        self.contexts.append(tuple(context))
        call = len(self.texts)
        await asyncio.sleep(0)
        if call >= self._fails_from:
            raise ModelUnavailable("the server is gone")
        read = " ".join([*context, text])
        p_yes = 0.5 + 0.4 * ("needed" in read) - 0.3 * ("not" in read.split())
        probabilities = None if self._silent_on in text else yes_no(p_yes)
        stated = YES if p_yes >= 0.5 else NO
        return Answer(release=self._release, stated=stated, probabilities=probabilities, latency_seconds=0.0)

    async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
        self.batches += 1
        return [await self.answer(text, language) for text in texts]

    async def stream(
        self, text: str, language: str, context: Sequence[str] = ()
    ) -> AsyncIterator[str | Answer]:
        yield await self.answer(text, language, context)
        yield "more words"
        raise AssertionError("the rest of the answer was generated")

    async def close(self) -> None:
        return None


def explained(verdict: str = YES, p_yes: float = 0.6) -> Verdicts:
    return Verdicts(verdict, yes_no(p_yes) or {}, RELEASE, lambda answer: answer.stated)


@pytest.mark.parametrize("model", ["encoder", "decoder"])
async def test_the_weight_is_the_change_of_the_verdicts_probability(model):
    result = await measure(WordModel(), model, Question(TEXT), "en", explained(), 8)
    assert result.status is EvidenceStatus.MEASURED
    assert [round(span.weight, 9) for span in result.spans] == [0.0, 0.4, -0.3]
    assert [TEXT[span.start : span.end] for span in result.spans][1] == "It is needed."
    assert [span.verdict for span in result.spans] == [YES, NO, YES]


async def test_signs_follow_the_verdict():
    result = await measure(WordModel(), "encoder", Question(TEXT), "en", explained(NO), 8)
    assert [round(span.weight, 9) for span in result.spans] == [0.0, -0.4, 0.3]


async def test_an_encoder_reads_all_parts_in_one_request_with_the_whole_text():
    client = WordModel()
    await measure(client, "encoder", Question(TEXT), "en", explained(p_yes=0.1), 0)
    assert client.batches == 1
    assert client.texts[0] == TEXT
    assert len(client.texts) == 4


async def test_a_decoder_reads_within_its_budget_and_the_last_part_first():
    client = WordModel()
    await measure(client, "decoder", Question(TEXT), "en", explained(), 8)
    assert client.texts == [
        "The request is for a ramp. It is needed.",
        "The request is for a ramp. It is not proven.",
        "It is needed. It is not proven.",
    ]
    few = WordModel()
    await measure(few, "decoder", Question(TEXT), "en", explained(), 2)
    assert len(few.texts) == 2


async def test_a_model_that_goes_away_leaves_what_was_measured():
    result = await measure(WordModel(fails_from=2), "decoder", Question(TEXT), "en", explained(), 8)
    assert result.status is EvidenceStatus.PARTIAL
    assert [TEXT[span.start : span.end] for span in result.spans] == ["It is not proven."]


async def test_after_a_failure_no_more_calls_are_sent():
    class Serial(WordModel):
        """One call at a time, as a client with one slot."""

        lock = asyncio.Semaphore(1)

        async def answer(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
            async with self.lock:
                return await super().answer(text, language, context)

    client = Serial(fails_from=1)
    question = Question(" ".join(f"It is needed {i} times." for i in range(8)))
    result = await measure(client, "decoder", question, "en", explained(), 8)
    assert result.status is EvidenceStatus.FAILED
    assert len(client.texts) < 4


@pytest.mark.parametrize("model", ["encoder", "decoder"])
async def test_a_model_that_is_down_is_a_status(model):
    result = await measure(WordModel(fails_from=1), model, Question(TEXT), "en", explained(), 8)
    assert result == type(result)(EvidenceStatus.FAILED)


async def test_a_part_without_which_there_are_no_probabilities_is_left_out():
    client = WordModel(silent_on="ramp. It is needed")
    result = await measure(client, "decoder", Question(TEXT), "en", explained(), 8)
    assert result.status is EvidenceStatus.PARTIAL
    assert len(result.spans) == 2


async def test_an_answer_that_cannot_be_read_does_not_end_the_others():
    class Garbled(WordModel):
        async def answer(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
            answer = await super().answer(text, language, context)
            if text.startswith("It"):
                raise ModelUnparsable("not of the form")
            return answer

    result = await measure(Garbled(), "decoder", Question(TEXT), "en", explained(), 8)
    assert result.status is EvidenceStatus.PARTIAL
    assert len(result.spans) == 2


async def test_another_release_is_a_status():
    other = WordModel(release=RELEASE.model_copy(update={"revision": "r2"}))
    result = await measure(other, "encoder", Question(TEXT), "en", explained(), 8)
    assert result.status is EvidenceStatus.OTHER_RELEASE


@pytest.mark.parametrize(
    ("text", "calls", "status"),
    [
        ("No.", 8, EvidenceStatus.TOO_SHORT),
        (TEXT, 0, EvidenceStatus.NO_CALLS),
        (TEXT, 1, EvidenceStatus.NO_CALLS),
    ],
)
async def test_what_cannot_be_measured_queries_no_model(text, calls, status):
    client = WordModel()
    result = await measure(client, "decoder", Question(text), "en", explained(), calls)
    assert (result.status, client.texts) == (status, [])


async def test_passages_are_measured_like_sentences():
    client = WordModel()
    question = Question("Is the ramp fine?", ("It is needed.", "He is 80.", "It is not."))
    result = await measure(client, "decoder", question, "en", explained(p_yes=0.9), 8)
    assert [(span.passages, span.unit) for span in result.spans] == [((i,), "passage") for i in range(3)]
    assert [effect_of(span.weight) for span in result.spans] == [
        Effect.FOR,
        Effect.IRRELEVANT,
        Effect.IRRELEVANT,
    ]
    assert set(client.contexts) == {
        ("He is 80.", "It is not."),
        ("It is needed.", "It is not."),
        ("It is needed.", "He is 80."),
    }


@pytest.mark.parametrize(
    ("weight", "effect"),
    [(0.05, Effect.FOR), (0.049, Effect.IRRELEVANT), (-0.049, Effect.IRRELEVANT), (-0.05, Effect.AGAINST)],
)
def test_small_changes_are_irrelevant(weight, effect):
    assert effect_of(weight) is effect
