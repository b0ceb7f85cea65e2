"""Figures of an evaluation, from records and ground truth. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines import statistics
from pipelines.classes import Classes
from pipelines.statistics import Interval, LabelFigures, LengthStatistics
from pipelines.strata import Stratum
from signalbox.contracts.labels import Label, Verdict, verdict_for
from signalbox.contracts.light import Light
from signalbox.contracts.record import Record

ALL = "all"  # of the judge


@dataclass(frozen=True)
class LightShare:
    """Share of a light among the answers, and its errors; None where no answer has it."""

    count: int
    coverage: float
    error: float | None
    error_interval: Interval | None


@dataclass(frozen=True)
class Summary:
    """One tier and language of one route. Intervals are over families.

    `ece` is of probabilities, not of verdicts, and `ece_floor` is what chance alone gives perfect ones.
    Two labels: `brier`, `ece` and `auc` are of the probability of the positive one. More labels: `brier` is summed over
    them, `ece` is of the score, and `auc` is the mean of `auc_by_label`, each label against the rest.
    """

    stratum: Stratum
    rows: int
    families: int
    correct: int
    accuracy: float
    interval: Interval
    balanced_accuracy: float | None
    macro_f1: float | None
    labels: dict[Label, LabelFigures]
    slugs: dict[Label, str]
    baselines: Mapping[str, float]
    confusion: dict[Label, dict[Verdict, int]]
    lights: dict[str, LightShare]
    candidate_lights: dict[str, LightShare]
    brier: float | None
    ece: float | None
    ece_floor: float | None
    auc: float | None
    auc_by_label: dict[Label, float]
    verdict_mass: float | None
    lengths: LengthStatistics | None
    latency_seconds: dict[float, float]
    tokens_per_second: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "stratum": self.stratum._asdict()}


def correct(record: Record, label: Label) -> bool:
    """Neutral is wrong, because the user got no answer, unless the ground truth is "none of these".

    The verdict counts even where the light withheld it.
    """
    return record.verdict == verdict_for(label)


def summarize(
    records: Sequence[Record],
    labels: Sequence[Label],
    baselines: Mapping[str, float],
    classes: Classes,
    stratum: Stratum,
    families: Sequence[Hashable] | None = None,
) -> Summary:
    """The figures; records, labels and families in the same order, under the names of today, at least one.

    Without `families`, each row is one of its own.
    """
    families = families or range(len(records))
    right = [correct(record, label) for record, label in zip(records, labels, strict=True)]
    figures = statistics.label_figures(
        labels, [record.verdict for record in records], classes.labels, families
    )
    scores = _scores(records, labels, classes)
    masses = [record.verdict_mass for record in records if record.verdict_mass is not None]
    return Summary(
        stratum=stratum,
        rows=len(records),
        families=len(set(families)),
        correct=sum(right),
        accuracy=sum(right) / len(right),
        interval=statistics.family_interval(right, families),
        balanced_accuracy=statistics.balanced_accuracy(figures.values()),
        macro_f1=statistics.macro_f1(figures.values()),
        labels=figures,
        slugs=classes.slugs,
        baselines=baselines,
        confusion=confusion(records, labels, classes),
        lights=light_shares([record.light for record in records], right, families),
        candidate_lights=light_shares([record.candidate_light for record in records], right, families),
        brier=scores.brier,
        ece=scores.ece,
        ece_floor=scores.ece_floor,
        auc=scores.auc,
        auc_by_label=scores.auc_by_label,
        verdict_mass=sum(masses) / len(masses) if masses else None,
        lengths=statistics.answer_lengths([r.justification for r in records if r.justification]),
        latency_seconds=statistics.quantiles([record.latency_seconds for record in whole(records)]),
        tokens_per_second=_tokens_per_second(whole(records)),
    )


def whole(records: Sequence[Record]) -> Sequence[Record]:
    """The answers as a user gets them: those with a justification if there are any, else all."""
    return [record for record in records if record.justification] or records


def certainties(
    records: Sequence[Record], labels: Sequence[Label], classes: Classes
) -> tuple[list[float], list[bool]]:
    """What is compared with what is true: of two labels the probability of the positive one and whether it is the ground
    truth, of more the score and whether the verdict is right. Answers without a number are left out."""
    pairs = []
    for record, label in zip(records, labels, strict=True):
        if classes.positive is None:
            pairs.append((record.score, correct(record, label)))
        else:
            p = record.probabilities.get(classes.positive) if record.probabilities else None
            pairs.append((p, label == classes.positive))
    numbers = [(number, truth) for number, truth in pairs if number is not None]
    return [number for number, _ in numbers], [truth for _, truth in numbers]


def confusion(
    records: Sequence[Record], labels: Sequence[Label], classes: Classes
) -> dict[Label, dict[Verdict, int]]:
    """Counts by label (rows) and verdict (columns), Neutral as a column of its own.

    A verdict that is no label of the task any more has a column at the end, so that no answer is lost.
    """
    counts = Counter((label, record.verdict) for record, label in zip(records, labels, strict=True))
    strangers = sorted({record.verdict for record in records} - set(classes.verdicts))
    columns = (*classes.verdicts, *strangers)
    return {label: {verdict: counts[label, verdict] for verdict in columns} for label in classes.answers}


def light_shares(
    lights: Sequence[Light], right: Sequence[bool], families: Sequence[Hashable]
) -> dict[str, LightShare]:
    """Coverage and error of each light."""
    shares = {}
    for light in Light:
        here = [
            (not good, f) for other, good, f in zip(lights, right, families, strict=True) if other is light
        ]
        wrong = [bad for bad, _ in here]
        error = sum(wrong) / len(wrong) if wrong else None
        interval = statistics.family_interval(wrong, [family for _, family in here]) if wrong else None
        shares[light.value] = LightShare(len(wrong), len(wrong) / len(lights), error, interval)
    return shares


@dataclass(frozen=True)
class _Scores:
    brier: float | None
    ece: float | None
    ece_floor: float | None
    auc: float | None
    auc_by_label: dict[Label, float]


def _scores(records: Sequence[Record], labels: Sequence[Label], classes: Classes) -> _Scores:
    """Scores of the probabilities, where there are any."""
    numbers, truth = certainties(records, labels, classes)
    ece = statistics.expected_calibration_error(numbers, truth) if numbers else None
    floor = statistics.calibration_error_floor(numbers) if numbers else None
    if classes.positive is not None:
        brier = statistics.brier_score(numbers, truth) if numbers else None
        auc = statistics.area_under_curve(numbers, truth) if numbers else None
        return _Scores(brier, ece, floor, auc, {})
    rows = [(r.probabilities, label) for r, label in zip(records, labels, strict=True) if r.probabilities]
    if not rows:
        return _Scores(None, ece, floor, None, {})
    probabilities, answers = [p for p, _ in rows], [label for _, label in rows]
    areas = statistics.one_against_rest(probabilities, answers, classes.labels)
    mean = sum(areas.values()) / len(areas) if areas else None
    return _Scores(statistics.multiclass_brier(probabilities, answers), ece, floor, mean, areas)


def _tokens_per_second(records: Sequence[Record]) -> float | None:
    """Generated tokens over the time of the answers that generated any (one stream's speed)."""
    timed = [(r.completion_tokens, r.latency_seconds) for r in records if r.completion_tokens]
    seconds = sum(latency for _, latency in timed)
    return sum(tokens for tokens, _ in timed) / seconds if seconds else None
