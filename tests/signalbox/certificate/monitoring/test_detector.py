"""The detector: soon after the error has grown, rarely before, and with unequal chances, too."""

import random
from statistics import median

import pytest

from signalbox.certificate.monitoring.detector import Detector, first_alarm
from signalbox.errors import InputError

ALPHA = 0.1


def delays(rate: float, runs: int = 100) -> list[float]:
    """Labels from the change to the alarm, after 300 labels with 4 % errors."""
    rng = random.Random(1)
    found = []
    for _ in range(runs):
        wrong = [rng.random() < 0.04 for _ in range(300)] + [rng.random() < rate for _ in range(400)]
        alarm = first_alarm(wrong, ALPHA)
        found.append(float("inf") if alarm is None else alarm - 300)
    return found


@pytest.mark.parametrize(("rate", "published"), [(0.2, 70), (0.3, 29), (0.5, 13)])
def test_it_is_as_fast_as_published(rate, published):
    assert median(delays(rate)) == pytest.approx(published, rel=0.25)


def test_false_alarms_are_rare_at_a_good_rate():
    rng = random.Random(2)
    alarms = [first_alarm([rng.random() < 0.04 for _ in range(2000)], ALPHA) for _ in range(30)]
    assert all(alarm is None for alarm in alarms)


def test_at_alpha_the_mean_time_to_a_false_alarm_is_at_least_the_rarity():
    rng = random.Random(3)
    rarity, most = 30.0, 600
    times = [
        first_alarm((rng.random() < ALPHA for _ in range(most)), ALPHA, rarity=rarity) or most
        for _ in range(150)
    ]
    assert sum(times) / len(times) >= rarity


def test_unequal_chances_keep_the_mean_time_to_a_false_alarm():
    """Wrong answers are requested four times as often: without the weights they would look like a larger error."""
    rng = random.Random(4)
    rarity, most, times = 30.0, 600, []
    for _ in range(100):
        wrong, chances = [], []
        while len(wrong) < most:
            error = rng.random() < 0.08
            chance = 0.8 if error else 0.2
            if rng.random() < chance:
                wrong.append(error)
                chances.append(chance)
        times.append(first_alarm(wrong, ALPHA, propensity=chances, floor=0.2, rarity=rarity) or most)
    assert sum(times) / len(times) >= rarity


def test_an_equal_chance_changes_nothing():
    wrong = [i % 4 == 0 for i in range(300)]
    assert first_alarm(wrong, ALPHA, propensity=[0.05] * 300) == first_alarm(wrong, ALPHA)


def test_after_an_alarm_it_stays():
    detector = Detector(ALPHA)
    for _ in range(50):
        detector = detector.add(True)
    assert detector.alarm
    assert detector.add(False) is detector


@pytest.mark.parametrize("alpha", [0.01, 0.3, 0.6, 0.95])
def test_every_alpha_has_an_alarm_and_no_negative_statistic(alpha):
    detector = Detector(alpha)
    for i in range(500):
        detector = detector.add(i % 5 != 0)
        assert min(detector.statistics) >= 0
    assert Detector(alpha).add(True).level > 1


def test_a_chance_below_the_floor_is_an_error():
    with pytest.raises(InputError, match="propensity"):
        Detector(ALPHA, floor=0.05).add(True, 0.01)
    with pytest.raises(InputError, match="alpha"):
        Detector(0.0)
    with pytest.raises(InputError, match="floor"):
        Detector(ALPHA, floor=0.0)
