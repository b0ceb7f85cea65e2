"""Figures of an evaluation, from records and ground truth. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines import statistics
from pipelines.statistics import Interval, LengthStatistics
from signalbox.contracts.labels import BINARY, NEUTRAL, Label
from signalbox.contracts.light import Light
from signalbox.contracts.record import Record

ALL = "all"


@dataclass(frozen=True)
class LightShare:
    """Share of a light among the answers, and its errors; None where no answer has it."""

    count: int
    coverage: float
    error: float | None
    error_interval: Interval | None


@dataclass(frozen=True)
class Summary:
    """One language (or all) of one route."""

    language: str
    rows: int
    correct: int
    accuracy: float
    interval: Interval
    baselines: dict[str, float]
    confusion: dict[str, dict[str, int]]
    lights: dict[str, LightShare]
    candidate_lights: dict[str, LightShare]
    brier: float | None
    ece: float | None
    auc: float | None
    verdict_mass: float | None
    lengths: LengthStatistics | None
    latency_seconds: dict[float, float]
    tokens_per_second: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def correct(record: Record, label: Label) -> bool:
    """Neutral is wrong: the user got no answer. The verdict counts even where the light withheld it."""
    return record.verdict == label


def summarize(
    records: Sequence[Record], labels: Sequence[Label], baselines: dict[str, float], language: str = ALL
) -> Summary:
    """The figures; records and labels in the same order, at least one."""
    right = [correct(record, label) for record, label in zip(records, labels, strict=True)]
    scored = [
        (r.p_yes, label == "yes") for r, label in zip(records, labels, strict=True) if r.p_yes is not None
    ]
    p_yes, truth = [p for p, _ in scored], [y for _, y in scored]
    masses = [record.verdict_mass for record in records if record.verdict_mass is not None]
    return Summary(
        language=language,
        rows=len(records),
        correct=sum(right),
        accuracy=sum(right) / len(right),
        interval=statistics.accuracy_interval(sum(right), len(right)),
        baselines=baselines,
        confusion=confusion(records, labels),
        lights=light_shares([record.light for record in records], right),
        candidate_lights=light_shares([record.candidate_light for record in records], right),
        brier=statistics.brier_score(p_yes, truth) if scored else None,
        ece=statistics.expected_calibration_error(p_yes, truth) if scored else None,
        auc=statistics.area_under_curve(p_yes, truth) if scored else None,
        verdict_mass=sum(masses) / len(masses) if masses else None,
        lengths=statistics.answer_lengths([r.justification for r in records if r.justification]),
        latency_seconds=statistics.quantiles([record.latency_seconds for record in records]),
        tokens_per_second=_tokens_per_second(records),
    )


def confusion(records: Sequence[Record], labels: Sequence[Label]) -> dict[str, dict[str, int]]:
    """Counts by label (rows) and verdict (columns), Neutral as a column of its own."""
    counts = Counter((label, record.verdict) for record, label in zip(records, labels, strict=True))
    return {label: {verdict: counts[label, verdict] for verdict in (*BINARY, NEUTRAL)} for label in BINARY}


def light_shares(lights: Sequence[Light], right: Sequence[bool]) -> dict[str, LightShare]:
    """Coverage and error of each light."""
    shares = {}
    for light in Light:
        hits = [good for other, good in zip(lights, right, strict=True) if other is light]
        wrong = len(hits) - sum(hits)
        error = wrong / len(hits) if hits else None
        interval = statistics.accuracy_interval(wrong, len(hits)) if hits else None
        shares[light.value] = LightShare(len(hits), len(hits) / len(lights), error, interval)
    return shares


def _tokens_per_second(records: Sequence[Record]) -> float | None:
    """Generated tokens over the time of the answers that generated any (one stream's speed)."""
    timed = [(r.completion_tokens, r.latency_seconds) for r in records if r.completion_tokens]
    seconds = sum(latency for _, latency in timed)
    return sum(tokens for tokens, _ in timed) / seconds if seconds else None
