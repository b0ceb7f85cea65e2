"""False alarms and power of the drift job: `python -m benchmarks drift`.

Records are drawn independently: p(yes) ~ Beta(2, 3), verdict and light by cut-offs on it, lengths lognormal, texts of two
sentences of the task. `any_alarm` is the share of runs with an alarm of any column at level 0.05 after Holm's
correction. For comparison, on the same p(yes) and lights, two rules that many tools apply: a Wasserstein distance of at
least 0.1 standard deviations, and a chi-square test that treats the reference as the truth.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.stats import chi2, chisquare, wasserstein_distance

from pipelines.drift.classifier import domain_classifier
from pipelines.drift.comparison import Verdict
from pipelines.samples import Sample
from pipelines.statistics import (
    Clustered,
    compare_numbers,
    debiased_jensen_shannon,
    jensen_shannon,
    kolmogorov_smirnov,
)
from signalbox.tasks import load_data, load_task
from tests.pipelines.samples import compare_windows, draw_sample

LEVEL = 0.05
RUNS = 400
SIZES = ((5000, 20), (5000, 50), (5000, 100), (5000, 1000), (1000, 300), (100, 100), (200, 5000))
SHIFTS = (0.0, 0.05, 0.1, 0.2)  # of p(yes), capped at 1
TRAFFIC = ((40, 40), (40, 320), (160, 40))  # rows a day in 28 and in 7 days
TAIL_ROWS, TAIL_SHARES, TAIL_DRAWS = (100, 200, 400, 1000), (0.9, 0.05, 0.05), 400_000
TEXT_SIZES = ((50, 20), (500, 50), (200, 200))
TEXT_SHARES = (0.0, 0.1, 0.3)  # of the current texts that are of another kind
TEXT_RUNS, TEXT_RESAMPLES = 200, 199


def run(seed: int = 0) -> list[dict[str, object]]:
    """Rows for numbers and categories, traffic, ties, effects, for the classifier, for chi-square's formula."""
    rng = np.random.default_rng(seed)
    numbers = [_numbers(rng, sizes, shift) for shift in SHIFTS for sizes in SIZES]
    rng = np.random.default_rng(seed)
    traffic = [_traffic(rng, days, texts) for texts in ("templates", "re-sent") for days in TRAFFIC]
    ties = [_ties(rng, now) for now in (0.85, 0.75)]
    effects = [_effect(rng, current) for current in (20, 200)]
    texts = [_texts(random.Random(seed), sizes, share) for share in TEXT_SHARES for sizes in TEXT_SIZES]
    rng = np.random.default_rng(seed)
    return [*numbers, *traffic, *ties, *effects, *texts, *(_tail(rng, current) for current in TAIL_ROWS)]


def _numbers(rng: np.random.Generator, sizes: tuple[int, int], shift: float) -> dict[str, object]:
    alarms = p_yes = few = wasserstein = one_sample = 0
    for _ in range(RUNS):
        reference, current = draw_sample(rng, sizes[0]), draw_sample(rng, sizes[1], shift)
        rows = compare_windows(reference, current, LEVEL)
        alarms += any(row.verdict is Verdict.DRIFT for row in rows)
        p_yes += any(row.verdict is Verdict.DRIFT for row in rows if row.column == "p_yes")
        few += all(row.verdict is Verdict.TOO_FEW for row in rows)
        distance = wasserstein_distance(p_yes_of(reference), p_yes_of(current)) / np.std(p_yes_of(reference))
        wasserstein += bool(distance >= 0.1)
        one_sample += _one_sample(reference, current) < LEVEL
    counts = {"any_alarm": alarms, "p_yes": p_yes, "too_few": few}
    counts |= {"wasserstein_0.1": wasserstein, "one_sample_chi_square": one_sample}
    shares = {name: count / RUNS for name, count in counts.items()}
    return {"shift": shift, "reference": sizes[0], "current": sizes[1], **shares}


def _traffic(rng: np.random.Generator, days: tuple[int, int], texts: str) -> dict[str, object]:
    """Without drift, 28 days and 7 days with so many rows a day: KS with the text as the cluster, on all rows as if they were
    independent, and on those that are left when a text counts once a day.

    "templates": half of the rows are one of 30 texts with larger p(yes), half are new. "re-sent": each text is sent up to five times a day.
    """
    tests = {"clustered": 0, "all_rows": 0, "once_a_day": 0}
    for run in range(RUNS):
        sides = [_rows(rng, number, per_day, texts) for number, per_day in zip((28, 7), days, strict=True)]
        reference, current = (Clustered(values, keys) for values, keys, _ in sides)
        clustered = compare_numbers(reference, current, resamples=199, seed=run)
        tests["clustered"] += clustered.p_value <= LEVEL
        tests["all_rows"] += kolmogorov_smirnov(reference.values, current.values).p_value <= LEVEL
        thinned = [values[first] for values, _, first in sides]
        tests["once_a_day"] += kolmogorov_smirnov(*thinned).p_value <= LEVEL
    shares = {name: count / RUNS for name, count in tests.items()}
    return {"texts": texts, "a_day_before": days[0], "a_day_now": days[1], **shares}


def _rows(
    rng: np.random.Generator, days: int, per_day: int, texts: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """p(yes), key of the text, and the first row of each text and day."""
    rows = days * per_day
    if texts == "templates":
        keys = np.where(rng.random(rows) < 0.5, rng.integers(0, 30, rows), 30 + rng.integers(0, 2**60, rows))
        day = rng.integers(0, days, rows)
    else:
        times = rng.integers(1, 6, rows // 3)
        keys = np.repeat(rng.integers(30, 2**60, rows // 3), times)
        day = np.repeat(rng.integers(0, days, rows // 3), times)
    of_text = rng.beta(2, 3, len(keys))
    _, first_of_key, place = np.unique(keys, return_index=True, return_inverse=True)
    values = of_text[first_of_key][place]
    values = np.where(keys < 30, np.random.default_rng(7).beta(5, 2, 30)[np.minimum(keys, 29)], values)
    _, first = np.unique(np.column_stack([keys, day]), axis=0, return_index=True)
    return values, keys.astype(np.uint64), first


def _ties(rng: np.random.Generator, now: float) -> dict[str, object]:
    """85 % of the reference's p(yes) are 1, of the current window's so many: exact KS against the permuted one."""
    hits = {"exact": 0, "permuted": 0}
    for run in range(RUNS):
        sides = [
            np.where(rng.random(n) < top, 1.0, rng.beta(2, 3, n)) for n, top in ((1000, 0.85), (200, now))
        ]
        reference, current = (Clustered(side, np.arange(len(side), dtype=np.uint64)) for side in sides)
        permuted = compare_numbers(reference, current, resamples=199, seed=run)
        hits["permuted"] += permuted.p_value <= LEVEL
        hits["exact"] += kolmogorov_smirnov(*sides).p_value <= LEVEL
    return {"at_1_now": now, **{name: count / RUNS for name, count in hits.items()}}


def _effect(rng: np.random.Generator, current: int) -> dict[str, object]:
    """The mean effect of three categories without drift, 5,000 rows against so many."""
    plain, debiased = [], []
    for _ in range(RUNS):
        sides = [
            dict(zip("abc", map(int, rng.multinomial(n, (0.5, 0.3, 0.2))), strict=True))
            for n in (5000, current)
        ]
        plain.append(jensen_shannon(*sides))
        debiased.append(debiased_jensen_shannon(*sides, (5000, current)))
    return {"current": current, "jensen_shannon": float(np.mean(plain)), "debiased": float(np.mean(debiased))}


def p_yes_of(sample: Sample) -> list[float]:
    return list(sample.column("output").values)


def _one_sample(reference: Sample, current: Sample) -> float:
    before, now = (Counter(side.column("candidate_light").values) for side in (reference, current))
    names = sorted({*before, *now})
    expected = [max(before[name], 1e-9) * current.rows / reference.rows for name in names]
    expected = [value * current.rows / sum(expected) for value in expected]
    return float(chisquare([now[name] for name in names], expected).pvalue)


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
