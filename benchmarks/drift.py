"""False alarms and power of the drift job: `python -m benchmarks drift`.

Records are drawn independently: p(yes) ~ Beta(2, 3), verdict and light by cut-offs on it, lengths lognormal, texts of two
sentences of the task. `any_alarm` is the share of runs with an alarm of any column at level 0.05 after Holm's
correction. For comparison, on the same p(yes) and lights, two rules that many tools apply: a Wasserstein distance of at
least 0.1 standard deviations, and a chi-square test that treats the reference as the truth.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from scipy.stats import chi2, chisquare, wasserstein_distance

from pipelines.drift.classifier import domain_classifier
from pipelines.drift.comparison import Verdict
from pipelines.statistics import kolmogorov_smirnov
from pipelines.windows import Sample
from signalbox.tasks import load_data, load_task
from tests.pipelines.samples import compare_windows, draw_sample

LEVEL = 0.05
RUNS = 400
SIZES = ((5000, 20), (5000, 50), (5000, 100), (5000, 1000), (1000, 300), (100, 100), (200, 5000))
SHIFTS = (0.0, 0.05, 0.1, 0.2)  # of p(yes), capped at 1
REPEATS = (1, 2, 5)  # times that a text is sent on one day
TAIL_ROWS, TAIL_SHARES, TAIL_DRAWS = (100, 200, 400, 1000), (0.9, 0.05, 0.05), 400_000
TEXT_SIZES = ((50, 20), (500, 50), (200, 200))
TEXT_SHARES = (0.0, 0.1, 0.3)  # of the current texts that are of another kind
TEXT_RUNS, TEXT_RESAMPLES = 200, 199


def run(seed: int = 0) -> list[dict[str, object]]:
    """Rows for numbers and categories, for texts sent again, for the classifier, for chi-square's formula."""
    rng = np.random.default_rng(seed)
    numbers = [_numbers(rng, sizes, shift) for shift in SHIFTS for sizes in SIZES]
    rng = np.random.default_rng(seed)
    repeats = [_repeats(rng, times) for times in REPEATS]
    texts = [_texts(random.Random(seed), sizes, share) for share in TEXT_SHARES for sizes in TEXT_SIZES]
    rng = np.random.default_rng(seed)
    return [*numbers, *repeats, *texts, *(_tail(rng, current) for current in TAIL_ROWS)]


def _numbers(rng: np.random.Generator, sizes: tuple[int, int], shift: float) -> dict[str, object]:
    alarms = p_yes = few = wasserstein = one_sample = 0
    for _ in range(RUNS):
        reference, current = draw_sample(rng, sizes[0]), draw_sample(rng, sizes[1], shift)
        rows = compare_windows(reference, current, LEVEL)
        alarms += any(row.verdict is Verdict.DRIFT for row in rows)
        p_yes += any(row.verdict is Verdict.DRIFT for row in rows if row.column == "p_yes")
        few += all(row.verdict is Verdict.TOO_FEW for row in rows)
        distance = wasserstein_distance(reference.outputs, current.outputs) / np.std(reference.outputs)
        wasserstein += bool(distance >= 0.1)
        one_sample += _one_sample(reference, current) < LEVEL
    counts = {"any_alarm": alarms, "p_yes": p_yes, "too_few": few}
    counts |= {"wasserstein_0.1": wasserstein, "one_sample_chi_square": one_sample}
    shares = {name: count / RUNS for name, count in counts.items()}
    return {"shift": shift, "reference": sizes[0], "current": sizes[1], **shares}


def _repeats(rng: np.random.Generator, times: int) -> dict[str, object]:
    """Without drift, 1,000 and 200 texts: KS on all rows, and on those that are left when a text counts once a day."""
    alarms = {"all_rows": 0, "once_a_day": 0}
    for _ in range(RUNS):
        reference, current = rng.beta(2, 3, 1000), rng.beta(2, 3, 200)
        alarms["once_a_day"] += kolmogorov_smirnov(reference, current).p_value <= LEVEL
        repeated = np.repeat(reference, times), np.repeat(current, times)
        alarms["all_rows"] += kolmogorov_smirnov(*repeated).p_value <= LEVEL
    return {"repeats": times, **{name: count / RUNS for name, count in alarms.items()}}


def _one_sample(reference: Sample, current: Sample) -> float:
    names = sorted({*reference.lights, *current.lights})
    expected = [max(reference.lights[name], 1e-9) * current.rows / reference.rows for name in names]
    expected = [value * current.rows / sum(expected) for value in expected]
    return float(chisquare([current.lights[name] for name in names], expected).pvalue)


def _texts(rng: random.Random, sizes: tuple[int, int], share: float) -> dict[str, object]:
    medical = [
        row.text for row in load_data(load_task(Path("tasks/medical")), "test") if row.language == "en"
    ]
    tickets = [
        row.text for row in load_data(load_task(Path("tasks/tickets")), "test") if row.language == "en"
    ]
    alarms = 0
    areas = []
    for number in range(TEXT_RUNS):
        reference = [_two(rng, medical) for _ in range(sizes[0])]
        current = [_two(rng, tickets if rng.random() < share else medical) for _ in range(sizes[1])]
        outcome = domain_classifier(reference, current, resamples=TEXT_RESAMPLES, seed=number)
        alarms += outcome.p_value <= LEVEL
        areas.append(outcome.effect)
    shares = {"alarms": alarms / TEXT_RUNS, "area_under_curve": float(np.mean(areas))}
    return {"other_texts": share, "reference": sizes[0], "current": sizes[1], **shares}


def _tail(rng: np.random.Generator, current: int) -> dict[str, object]:
    """Chi-square's formula on two samples of three categories: how often p is below a level, over that level."""
    rows = np.array([20 * current, current])
    counts = np.stack([rng.multinomial(n, TAIL_SHARES, TAIL_DRAWS) for n in rows])
    expected = counts.sum(axis=0) * rows[:, None, None] / rows.sum()
    with np.errstate(invalid="ignore"):
        statistic = np.nansum((counts - expected) ** 2 / expected, axis=(0, 2))
    p_values = chi2.sf(statistic, (counts.sum(axis=0) > 0).sum(axis=1) - 1)
    ratios = {f"at_{level:g}": float(np.mean(p_values <= level) / level) for level in (0.05, 0.01, 0.001)}
    return {
        "reference": 20 * current,
        "current": current,
        "smallest_expected": current * min(TAIL_SHARES),
        **ratios,
    }


def _two(rng: random.Random, texts: list[str]) -> str:
    return f"{rng.choice(texts)} {rng.choice(texts)}"
