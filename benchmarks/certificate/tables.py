"""The tables of docs/reference/certificate.md. Each function returns rows; violations and green share in one cell."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from statistics import median

import numpy as np

from benchmarks.certificate.populations import Population, populations
from benchmarks.certificate.procedures import (
    LOOKS,
    draw_blocks,
    draw_with,
    e_process,
    once,
    with_propensity,
)
from benchmarks.certificate.simulation import Outcome, calibrated_plan, simulate
from signalbox.certificate import certify, certify_by_verdict, make_plan
from signalbox.certificate.boundary import allowed_any_time
from signalbox.certificate.monitoring.detector import Detector, first_alarm
from signalbox.certificate.monitoring.monitor import RESTORE_LABELS

Rows = list[dict[str, object]]

DELTA = 0.1
_SEED = 20261129
_CALIBRATION_ROWS = 40
_STEP = 20  # labels between two looks where each look computes everything anew


def spending(runs: int) -> Rows:
    """The shipped test, a look after every label, plan from the prior."""
    rows: Rows = []
    for alpha in (0.1, 0.05):
        rows += [
            _row("spending", alpha, population, simulate(population, alpha, DELTA, runs, _SEED))
            for population in populations().values()
        ]
    return rows


def larger_plan(runs: int) -> Rows:
    """The shipped test with a plan for 200 labels instead of 100."""
    rows: Rows = []
    for population in _selected("logit", "llm", "bump", "flat"):
        outcome = simulate(
            population,
            0.1,
            DELTA,
            runs,
            _SEED,
            plan_of=lambda pool, *_: make_plan(pool, 0.1, DELTA, labels=200),
        )
        rows.append(_row("spending, planned for 200", 0.1, population, outcome))
    return rows


def calibrated(runs: int) -> Rows:
    """The same with a plan that sees 40 labeled answers of the calibration split. Few runs: each computes a plan."""
    few = max(1, runs // 5)
    plan_of = calibrated_plan(0.1, DELTA, _CALIBRATION_ROWS)
    return [
        _row("spending, calibrated plan", 0.1, p, simulate(p, 0.1, DELTA, few, _SEED, plan_of=plan_of))
        for p in _selected("logit", "llm", "bump")
    ]


def e_processes(runs: int) -> Rows:
    """The e-process with blocks of rings, looked at after each block, in the same zones."""
    return [
        _row(
            "e-process, ring blocks",
            0.1,
            p,
            simulate(p, 0.1, DELTA, runs, _SEED, procedure=e_process, sample=draw_blocks),
        )
        for p in populations().values()
    ]


def single_look(runs: int) -> Rows:
    """Clopper-Pearson with the cut, one look: each number of labels is a campaign of its own."""
    rows = []
    for population in populations().values():
        outcome = simulate(
            population,
            0.1,
            DELTA,
            runs,
            _SEED,
            procedure=once,
            plan_of=lambda pool, *_: make_plan(pool, 0.1, DELTA, once=True),
            separate=True,
        )
        rows.append(_row("once", 0.1, population, outcome))
    return rows


def propensities(runs: int) -> Rows:
    """Chances between .05 and 1 by answer, thinned to the least one; a look after every 20 labels.

    Each look computes everything anew, so the share of green comes from a fifth of the runs.
    """
    rows = []
    for name, chance in (("at random", _random_chance), ("less for surer", _rising_chance)):
        for population in _selected("flat", "logit"):
            outcome = simulate(
                population,
                0.1,
                DELTA,
                runs if population.name == "flat" else max(1, runs // 5),
                _SEED,
                procedure=with_propensity(chance, _STEP),
                sample=draw_with(chance),
            )
            rows.append(_row(f"chances {name}", 0.1, population, outcome))
    return rows


def verdicts(runs: int) -> Rows:
    """Answers Yes that are wrong in a quarter of the cases: one certificate for all, and one for each verdict."""
    population = populations()["skewed"]
    rng = np.random.default_rng(_SEED)
    rows = []
    for count in (100, 200, 500):
        shown: dict[str, list[float | None]] = {"marginal": [], "each": [], "Yes": [], "No": []}
        for _ in range(runs):
            index = rng.integers(0, len(population.score), 2000 + count)
            pool, asked = index[:2000], index[2000:]
            wrong = rng.random(count) < population.error[asked]
            labels = (population.score[asked], wrong, population.score[pool], 0.1, DELTA)
            said, pool_said = population.yes[asked], population.yes[pool]
            shown["marginal"].append(certify(*labels, said_yes=None, propensity=None))
            shown["each"].append(certify(*labels, said_yes=said, propensity=None))
            own = certify_by_verdict(*labels, said_yes=said, pool_said_yes=pool_said)
            shown["Yes"].append(own[True])
            shown["No"].append(own[False])
        rows += [_verdict_row(population, name, count, shown[name]) for name in shown]
    return rows


def detector(runs: int) -> Rows:
    """Labels until the detector gives an alarm, after 300 good labels; and false alarms within 2,000 labels."""
    rng = random.Random(_SEED)
    rows: Rows = []
    for alpha, good in ((0.1, 0.04), (0.05, 0.02)):
        for rate in (good, alpha, 2 * alpha, 3 * alpha, 5 * alpha):
            alarms = [_alarm(rng, alpha, good, rate) for _ in range(runs)]
            late = [alarm - 300 for alarm in alarms if alarm is not None]
            rows.append(
                {
                    "alpha": alpha,
                    "error before": good,
                    "error after": rate,
                    "alarms within 2000 labels": len(late) / runs,
                    "median labels to it": median(late) if len(late) > runs / 2 else "",
                }
            )
    return rows


def suspension(runs: int) -> Rows:
    """What 300 labels of a suspended certificate decide, after 300 good labels, and after how many."""
    rng = random.Random(_SEED)
    rows: Rows = []
    for rate in (0.02, 0.04, 0.07, 0.1, 0.2, 0.3, 0.5):
        ends = [_end_of_suspension(rng, 0.1, 0.04, rate) for _ in range(runs)]
        row: dict[str, object] = {"alpha": 0.1, "error": rate}
        for name in ("restored", "revoked"):
            labels = [count for end, count in ends if end == name]
            row |= {name: len(labels) / runs, f"median labels until {name}": median(labels) if labels else ""}
        rows.append(row)
    return rows


TABLES: Mapping[str, Callable[[int], Rows]] = {
    "spending": spending,
    "larger_plan": larger_plan,
    "calibrated": calibrated,
    "e_processes": e_processes,
    "single_look": single_look,
    "propensities": propensities,
    "verdicts": verdicts,
    "detector": detector,
    "suspension": suspension,
}


def _row(procedure: str, alpha: float, population: Population, outcome: Outcome) -> dict[str, object]:
    cells = zip(LOOKS, outcome.violations, outcome.green, strict=True)
    return {
        "procedure": procedure,
        "alpha": alpha,
        "population": population.name,
        "oracle": round(population.oracle(alpha), 3),
        **{f"n={count}": f"{false:.3f}/{green:.3f}" for count, false, green in cells},
    }


def _verdict_row(
    population: Population, name: str, count: int, thresholds: list[float | None]
) -> dict[str, object]:
    verdict = {"Yes": True, "No": False}.get(name)
    certified = [t for t in thresholds if t is not None]
    yes_errors = [population.risk(t, verdict=True) for t in certified if name != "No"]
    return {
        "certificate": name,
        "labels of all answers": count,
        "certified": len(certified) / len(thresholds),
        "violations": sum(population.risk(t, verdict) > 0.1 for t in certified) / len(thresholds),
        "error of green Yes": float(np.mean(yes_errors)) if yes_errors else "",
        "green": float(np.mean([population.share(t) for t in thresholds])),
    }


def _alarm(rng: random.Random, alpha: float, good: float, rate: float) -> int | None:
    wrong = [rng.random() < good for _ in range(300)] + [rng.random() < rate for _ in range(2000)]
    return first_alarm(wrong, alpha)


def _selected(*names: str) -> list[Population]:
    return [populations()[name] for name in names]


def _random_chance(population: Population, index: np.ndarray) -> np.ndarray:
    """A chance of each answer that has nothing to do with its score."""
    return 0.05 + 0.95 * np.random.default_rng(9).random(len(population.score))[index]


def _rising_chance(population: Population, index: np.ndarray) -> np.ndarray:
    """From .05 for the surest answer to 1 at the middle."""
    return 0.05 + 0.95 * np.minimum(1.0, index / len(population.score) / 0.5)


def _end_of_suspension(rng: random.Random, alpha: float, good: float, rate: float) -> tuple[str, int]:
    """How a suspension ends, and the number of its labels."""
    detector = Detector(alpha)
    for _ in range(300):
        detector = detector.add(rng.random() < good)
    allowed, errors, passed = allowed_any_time(alpha, DELTA, RESTORE_LABELS, 300), 0, False
    for count in range(1, 301):
        wrong = rng.random() < rate
        detector, errors = detector.add(wrong), errors + wrong
        if detector.alarm:
            return "revoked", count
        passed = passed or errors <= allowed[count]
        if passed and errors <= alpha * count:
            return "restored", count
    return "open", 300
