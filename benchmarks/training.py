"""Every encoder with every head on `tasks/medical`: cross-validated and on the test split, by tier and language.

Heads learn from the ten few-shot examples of each language, and from these and the pool. Accuracy with its 95 % interval over
families, and log loss; a guess has 0.50 and 0.693.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from pipelines.classes import Classes
from pipelines.statistics import family_interval
from pipelines.strata import Stratum
from pipelines.train.candidates import CANDIDATES, Candidate, TextVectors, texts_of, vectors_of
from pipelines.train.cross_validation import HeldOut, cross_validate, hits, predict
from signalbox.contracts.record import LabeledText, Tier
from signalbox.settings import Settings
from signalbox.tasks import Task, evaluation_rows, load_all, load_data, load_task, tiers_of

TASK = Path("tasks/medical")


def run() -> list[dict[str, object]]:
    """One row per tier, labels, candidate and language."""
    task = load_task(TASK)
    data = load_all(task)
    vectors = vectors_of(texts_of(data), Settings().cache_dir)
    with threadpool_limits(limits=1):
        return [row for tier in tiers_of(data) for row in _of_tier(task, tier, vectors)]


def _of_tier(task: Task, tier: Tier | None, vectors: TextVectors) -> Iterator[dict[str, object]]:
    test = evaluation_rows(task, tier)
    few_shot, pool = (load_data(task, split, tier) for split in ("few-shot", "pool"))
    for learned in (few_shot, [*few_shot, *pool]) if pool else (few_shot,):
        for candidate in CANDIDATES:
            yield from _of_candidate(candidate, Classes.of(task), tier, learned, test, vectors)


def _of_candidate(
    candidate: Candidate,
    classes: Classes,
    tier: Tier | None,
    learned: Sequence[LabeledText],
    test: Sequence[LabeledText],
    vectors: TextVectors,
) -> Iterator[dict[str, object]]:
    score = cross_validate(candidate, classes, learned, vectors)
    p = predict(candidate, classes, learned, test, vectors)
    right, codes = hits(classes, p, test), classes.codes([row.label for row in test])
    losses = -np.log(p[np.arange(len(test)), codes])
    for language, loss in score.log_loss.items():
        here = [i for i, row in enumerate(test) if row.language == language]
        interval = family_interval(right[here].tolist(), [test[i].family for i in here])
        spread = np.quantile(p[here, -1], (0.05, 0.95))
        yield {
            "stratum": Stratum(tier, language).title,
            "labels": sum(row.language == language for row in learned),
            "candidate": candidate.name,
            "cross-validated": _shown(score.accuracy[language]),
            "loss": round(loss, 3),
            "test": f"{right[here].mean():.2f} ({interval[0]:.2f}-{interval[1]:.2f})",
            "test loss": round(float(losses[here].mean()), 3),
            "p(yes) 5-95 %": f"{spread[0]:.2f}-{spread[1]:.2f}",
        }


def _shown(held_out: HeldOut | None) -> str:
    if held_out is None:
        return "too few"
    return f"{held_out.accuracy:.2f} ({held_out.interval[0]:.2f}-{held_out.interval[1]:.2f})"
