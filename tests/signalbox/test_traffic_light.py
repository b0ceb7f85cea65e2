"""The rule for the light."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.contracts.labels import ABSTAIN, NEUTRAL, NO, YES, yes_no
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import ModelRelease
from signalbox.errors import ModelError, ModelRejected, ModelTimeout, ModelUnavailable, ModelUnparsable
from signalbox.models.base import Answer
from signalbox.thresholds import Thresholds, VerdictCuts
from signalbox.traffic_light import Standing, decide, decide_failure, is_sure

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


def with_cuts(limits: Thresholds, **pairs) -> Thresholds:
    """The same with other cut-offs, each as a pair of no and yes."""
    verdicts = {
        label: limits.verdicts[label].model_copy(update={name: pair[i] for name, pair in pairs.items()})
        for i, label in enumerate((NO, YES))
    }
    return limits.model_copy(update={"verdicts": verdicts})


def answer(p_yes=0.9, stated=YES, justification="Because.") -> Answer:
    return Answer(
        release=RELEASE,
        stated=stated,
        probabilities=yes_no(p_yes),
        justification=justification,
        latency_seconds=0.1,
    )


@pytest.mark.parametrize(
    ("given_answer", "verdict", "light", "candidate", "reason"),
    [
        (answer(0.9), "yes", "yellow", "green", "provisional"),
        (answer(0.8), "yes", "yellow", "green", "provisional"),
        (answer(0.79), "yes", "yellow", "yellow", "unsure"),
        (answer(0.45), "yes", "yellow", "yellow", "unsure"),
        (answer(0.44), "yes", "red", "red", "too_close"),
        (answer(0.36, NO), "no", "red", "red", "too_close"),
        (answer(0.35, NO), "no", "yellow", "yellow", "unsure"),
        (answer(0.1, NO), "no", "yellow", "green", "provisional"),
        (answer(0.0, NO), "no", "yellow", "green", "provisional"),
        # The words say one thing, the calibrated probability another.
        (answer(0.9, NO), "yes", "yellow", "yellow", "contradiction"),
        (answer(0.2, YES), "no", "yellow", "yellow", "contradiction"),
        # Without a justification there are no words that could disagree (an encoder).
        (answer(0.46, NO, None), "yes", "yellow", "yellow", "unsure"),
        # A contradiction does not lift an answer that is too close to call.
        (answer(0.44, NO), "yes", "red", "red", "too_close"),
        (answer(0.9, NEUTRAL), "neutral", "red", "red", "neutral"),
        (answer(None), "neutral", "red", "red", "unparsable"),
        (answer(None, NEUTRAL), "neutral", "red", "red", "neutral"),
    ],
)
def test_the_rule(given_answer, verdict, light, candidate, reason):
    decision = decide(given_answer, LIMITS)
    assert (decision.verdict, decision.light, decision.candidate, decision.reason) == (
        verdict, Light(light), Light(candidate), LightReason(reason),
    )  # fmt: skip


@pytest.mark.parametrize("p_yes", [0.0, 1.0])
def test_a_zone_cut_off_at_the_end_of_the_scale_holds_the_end(p_yes):
    """p(yes) is exactly 0 where no form of yes is among the alternatives."""
    limits = with_cuts(LIMITS, unclear=(0.0, 1.0))
    assert decide(answer(p_yes), limits).reason is LightReason.TOO_CLOSE


def test_without_thresholds_an_answer_is_uncalibrated():
    decision = decide(answer(0.99), None)
    assert (decision.light, decision.candidate) == (Light.YELLOW, Light.YELLOW)
    assert (decision.reason, decision.verdict) == (LightReason.UNCALIBRATED, YES)
    assert not is_sure(decision)


def test_without_confident_zones_nobody_is_confident():
    limits = with_cuts(LIMITS, confident=(None, None))
    for p in (0.0, 0.2, 0.5, 1.0):
        stated = YES if p >= limits.decision else NO
        assert decide(answer(p, stated), limits).reason is LightReason.UNSURE


def three(probabilities, stated="Netz", justification=None) -> Answer:
    """An answer of a task with three labels, and perhaps an answer to abstain."""
    return Answer(
        release=RELEASE,
        stated=stated,
        probabilities=dict(zip(("Netz", "Größe", "חירום", ABSTAIN), probabilities, strict=False)),
        justification=justification,
        latency_seconds=0.1,
    )


MARGINS = Thresholds(
    verdicts={
        "Netz": VerdictCuts(confident=0.5, unclear=0.125),
        "Größe": VerdictCuts(confident=None, unclear=0.0),
        "חירום": VerdictCuts(confident=0.75, unclear=0.0),
    },
    rows=60,
    target_error=0.1,
)


@pytest.mark.parametrize(
    ("given_answer", "verdict", "candidate", "reason"),
    [
        (three((0.75, 0.125, 0.125)), "Netz", "green", "provisional"),
        (three((0.625, 0.25, 0.125)), "Netz", "yellow", "unsure"),
        (three((0.375, 0.3125, 0.3125)), "Netz", "red", "too_close"),
        (three((0.0, 1.0, 0.0), "Größe"), "Größe", "yellow", "unsure"),
        (three((0.0, 0.0, 1.0), "חירום"), "חירום", "green", "provisional"),
        (three((0.0, 0.0, 1.0), "Netz", "Because."), "חירום", "yellow", "contradiction"),
        (three((0.75, 0.125, 0.125), NEUTRAL), "neutral", "red", "neutral"),
        # To abstain is Neutral, whether the words say so or the probabilities.
        (three((0.75, 0.125, 0.0, 0.125), ABSTAIN), "neutral", "red", "neutral"),
        (three((0.25, 0.0, 0.0, 0.75)), "neutral", "red", "neutral"),
        (three((0.75, 0.0, 0.125, 0.125)), "Netz", "green", "provisional"),
    ],
)
def test_the_rule_for_more_labels(given_answer, verdict, candidate, reason):
    decision = decide(given_answer, MARGINS)
    assert (decision.verdict, decision.candidate, decision.reason) == (
        verdict,
        Light(candidate),
        LightReason(reason),
    )


def test_thresholds_of_other_labels_leave_an_answer_uncalibrated():
    """A label that was added, removed or renamed since the calibration."""
    decision = decide(answer(0.9), MARGINS)
    assert (decision.verdict, decision.reason) == (YES, LightReason.UNCALIBRATED)
    assert decide(three((0.5, 0.5)), MARGINS).reason is LightReason.UNCALIBRATED


def test_a_decision_has_its_score_and_none_where_nothing_is_shown():
    assert decide(three((0.75, 0.125, 0.125)), MARGINS).score == 0.625
    assert decide(answer(0.4), LIMITS).score == 0.0
    assert decide(answer(0.9), None).score == pytest.approx(2.197, abs=0.001)
    assert decide(answer(0.9, NEUTRAL), LIMITS).score is None


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
    assert decision.verdict == NEUTRAL
    assert not is_sure(decision)


PROBABILITY = st.floats(0.0, 1.0)
ANSWERS = st.builds(
    answer,
    st.one_of(st.none(), PROBABILITY),
    st.sampled_from([YES, NO, NEUTRAL]),
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
    assert (decision.verdict == YES) == (given_answer.p_yes >= thresholds.decision)
    assert given_answer.justification is None or given_answer.stated is decision.verdict
    assert given_answer.stated != NEUTRAL


@given(ANSWERS, st.one_of(st.none(), limits()))
def test_red_exactly_where_the_candidate_is_red(given_answer, thresholds):
    decision = decide(given_answer, thresholds)
    assert (decision.light is Light.RED) == (decision.candidate is Light.RED)
    assert decision.verdict != NEUTRAL or decision.light is Light.RED


ZONE = {YES: Standing(threshold=2.0, digest="d1")}


def test_green_needs_a_certificate_of_the_verdict_and_a_score_in_its_zone():
    sure = decide(answer(0.99), LIMITS, ZONE)
    assert (sure.light, sure.reason, sure.certificate) == (Light.GREEN, LightReason.CERTIFIED, "d1")
    near = decide(answer(0.7), LIMITS, ZONE)
    assert (near.light, near.reason, near.certificate) == (Light.YELLOW, LightReason.OUTSIDE_ZONE, None)
    other = decide(answer(0.01, stated=NO), LIMITS, ZONE)
    assert (other.light, other.reason) == (Light.YELLOW, LightReason.PROVISIONAL)


def test_the_end_of_the_zone_is_inside():
    score = decide(answer(0.95), LIMITS).score
    assert decide(answer(0.95), LIMITS, {YES: Standing(score, "d")}).light is Light.GREEN


def test_a_certificate_of_all_verdicts_covers_each():
    marginal = {None: Standing(2.0, "all")}
    for one in (answer(0.99), answer(0.01, stated=NO)):
        assert decide(one, LIMITS, marginal).certificate == "all"


@pytest.mark.parametrize(
    "reason", [LightReason.EXPIRED, LightReason.SUSPENDED, LightReason.REVOKED, LightReason.OTHER_KEY]
)
def test_a_certificate_that_does_not_count_leaves_yellow_with_the_reason(reason):
    standing = {YES: Standing(2.0, "d1", reason)}
    decision = decide(answer(0.99), LIMITS, standing)
    assert (decision.light, decision.reason, decision.certificate) == (Light.YELLOW, reason, None)
    assert decide(answer(0.7), LIMITS, standing).reason is LightReason.OUTSIDE_ZONE


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"verdict_mass": 0.49}, LightReason.LOW_MASS),
        ({"truncated": True}, LightReason.TRUNCATED),
        ({"stated": NO}, LightReason.CONTRADICTION),
    ],
)
def test_such_answers_are_never_green(fields, reason):
    everything = {YES: Standing(0.0, "d1")}
    one = answer(0.99).model_copy(update=fields)
    decision = decide(one, LIMITS, everything)
    assert (decision.light, decision.candidate, decision.reason) == (Light.YELLOW, Light.YELLOW, reason)


def test_the_least_mass_is_the_tasks():
    one = answer(0.99).model_copy(update={"verdict_mass": 0.49})
    assert decide(one, LIMITS, ZONE, least_mass=0.4).light is Light.GREEN


def test_what_is_withheld_is_not_certified():
    """An answer in the unclear zone stays red, whatever a certificate says."""
    decision = decide(answer(0.41), LIMITS, {YES: Standing(0.0, "d1"), None: Standing(0.0, "d2")})
    assert (decision.light, decision.certificate) == (Light.RED, None)


def test_without_thresholds_nothing_is_certified():
    assert decide(answer(0.99), None, ZONE).reason is LightReason.UNCALIBRATED


def test_a_certificate_does_not_change_the_way_through_a_cascade():
    """The way decides which answers the certificate speaks of."""
    for p in (0.3, 0.6, 0.7, 0.85, 0.99):
        with_it, without = (decide(answer(p), LIMITS, standings) for standings in (ZONE, {}))
        assert is_sure(with_it) == is_sure(without)
