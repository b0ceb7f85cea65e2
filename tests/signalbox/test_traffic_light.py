"""The rule for the light."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import ModelRelease, Verdict
from signalbox.errors import ModelError, ModelRejected, ModelTimeout, ModelUnavailable, ModelUnparsable
from signalbox.models.base import Answer
from signalbox.thresholds import Thresholds
from signalbox.traffic_light import decide, decide_failure, is_sure

RELEASE = ModelRelease(name="m", revision="1", engine="llama.cpp", quantization="Q4_1")
LIMITS = Thresholds(
    decision=0.4,
    confident_yes=0.8,
    confident_no=0.1,
    unclear_low=0.35,
    unclear_high=0.45,
    rows=40,
    target_error=0.1,
)


def answer(p_yes=0.9, stated=Verdict.YES, justification="Because.") -> Answer:
    return Answer(
        release=RELEASE, stated=stated, p_yes=p_yes, justification=justification, latency_seconds=0.1
    )


@pytest.mark.parametrize(
    ("given_answer", "verdict", "light", "candidate", "reason"),
    [
        (answer(0.9), "yes", "yellow", "green", "provisional"),
        (answer(0.8), "yes", "yellow", "green", "provisional"),
        (answer(0.79), "yes", "yellow", "yellow", "unsure"),
        (answer(0.45), "yes", "yellow", "yellow", "unsure"),
        (answer(0.44), "yes", "red", "red", "too_close"),
        (answer(0.36, Verdict.NO), "no", "red", "red", "too_close"),
        (answer(0.35, Verdict.NO), "no", "yellow", "yellow", "unsure"),
        (answer(0.1, Verdict.NO), "no", "yellow", "green", "provisional"),
        (answer(0.0, Verdict.NO), "no", "yellow", "green", "provisional"),
        # The words say one thing, the calibrated probability another.
        (answer(0.9, Verdict.NO), "yes", "yellow", "yellow", "contradiction"),
        (answer(0.2, Verdict.YES), "no", "yellow", "yellow", "contradiction"),
        # Without a justification there are no words that could disagree (an encoder).
        (answer(0.46, Verdict.NO, None), "yes", "yellow", "yellow", "unsure"),
        # A contradiction does not lift an answer that is too close to call.
        (answer(0.44, Verdict.NO), "yes", "red", "red", "too_close"),
        (answer(0.9, Verdict.NEUTRAL), "neutral", "red", "red", "neutral"),
        (answer(None), "neutral", "red", "red", "unparsable"),
        (answer(None, Verdict.NEUTRAL), "neutral", "red", "red", "neutral"),
    ],
)
def test_the_rule(given_answer, verdict, light, candidate, reason):
    decision = decide(given_answer, LIMITS)
    assert (decision.verdict, decision.light, decision.candidate, decision.reason) == (
        Verdict(verdict), Light(light), Light(candidate), LightReason(reason),
    )  # fmt: skip


@pytest.mark.parametrize("p_yes", [0.0, 1.0])
def test_a_zone_cut_off_at_the_end_of_the_scale_holds_the_end(p_yes):
    """p(yes) is exactly 0 where no form of yes is among the alternatives."""
    limits = LIMITS.model_copy(update={"unclear_low": 0.0, "unclear_high": 1.0})
    assert decide(answer(p_yes), limits).reason is LightReason.TOO_CLOSE


def test_without_thresholds_an_answer_is_uncalibrated():
    decision = decide(answer(0.99), None)
    assert (decision.light, decision.candidate) == (Light.YELLOW, Light.YELLOW)
    assert (decision.reason, decision.verdict) == (LightReason.UNCALIBRATED, Verdict.YES)
    assert not is_sure(decision)


def test_without_confident_zones_nobody_is_confident():
    limits = LIMITS.model_copy(update={"confident_yes": None, "confident_no": None})
    for p in (0.0, 0.2, 0.5, 1.0):
        stated = Verdict.YES if p >= limits.decision else Verdict.NO
        assert decide(answer(p, stated), limits).reason is LightReason.UNSURE


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelTimeout("x"), LightReason.TIMEOUT),
        (ModelRejected("x"), LightReason.REJECTED),
        (ModelUnparsable("x"), LightReason.UNPARSABLE),
        (ModelUnavailable("x"), LightReason.UNAVAILABLE),
        (ModelError("x"), LightReason.UNAVAILABLE),
    ],
)
def test_failures_are_red_with_their_reason(error, reason):
    decision = decide_failure(error)
    assert (decision.light, decision.candidate, decision.reason) == (Light.RED, Light.RED, reason)
    assert decision.verdict is Verdict.NEUTRAL
    assert not is_sure(decision)


PROBABILITY = st.floats(0.0, 1.0)
ANSWERS = st.builds(
    answer,
    st.one_of(st.none(), PROBABILITY),
    st.sampled_from(Verdict),
    st.one_of(st.none(), st.just("Because.")),
)


@st.composite
def limits(draw) -> Thresholds:
    """Any thresholds of the right order."""
    low, decision, high = sorted(draw(st.tuples(PROBABILITY, PROBABILITY, PROBABILITY)))
    return Thresholds(
        decision=decision,
        confident_yes=draw(st.one_of(st.none(), st.floats(decision, 1.0))),
        confident_no=draw(st.one_of(st.none(), st.floats(0.0, decision, exclude_max=decision > 0))),
        unclear_low=low,
        unclear_high=high,
        rows=20,
        target_error=0.1,
    )


@given(ANSWERS, st.one_of(st.none(), limits()))
def test_nothing_is_green_without_a_certificate(given_answer, thresholds):
    assert decide(given_answer, thresholds).light is not Light.GREEN


@given(ANSWERS, st.one_of(st.none(), limits()))
def test_a_sure_answer_says_what_it_means(given_answer, thresholds):
    """A green candidate has thresholds, a probability, a verdict by the threshold, and words that agree."""
    decision = decide(given_answer, thresholds)
    if not is_sure(decision):
        return
    assert thresholds is not None
    assert given_answer.p_yes is not None
    assert (decision.verdict is Verdict.YES) == (given_answer.p_yes >= thresholds.decision)
    assert given_answer.justification is None or given_answer.stated is decision.verdict
    assert given_answer.stated is not Verdict.NEUTRAL


@given(ANSWERS, st.one_of(st.none(), limits()))
def test_red_exactly_where_the_candidate_is_red(given_answer, thresholds):
    decision = decide(given_answer, thresholds)
    assert (decision.light is Light.RED) == (decision.candidate is Light.RED)
    assert decision.verdict is not Verdict.NEUTRAL or decision.light is Light.RED
