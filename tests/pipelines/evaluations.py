"""Evaluations from a list of answers, without any server."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.classes import YES_NO, Classes
from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.summary import summarize
from pipelines.strata import Stratum, strata_of, stratum_of
from signalbox.contracts.light import Light
from signalbox.contracts.record import LabeledText, Record, Route
from tests.helpers import RELEASE, record

EN, DE = Stratum("hard", "en"), Stratum("hard", "de")
BASELINES = {"majority": 0.5, "length": 0.52, "tfidf": 0.48}

# Label, language, verdict, p(yes), light.
Row = tuple[str, str, str, float | None, str]
ANSWERS: tuple[Row, ...] = (
    ("yes", "en", "yes", 0.9, "yellow"),
    ("yes", "en", "no", 0.2, "yellow"),
    ("no", "en", "no", 0.3, "yellow"),
    ("no", "en", "neutral", None, "red"),
    ("yes", "de", "yes", 0.8, "yellow"),
    ("no", "de", "yes", 0.6, "red"),
)


def evaluation(
    answers: Sequence[Row] = ANSWERS,
    *,
    task: str = "toy",
    route: Route = "decoder",
    classes: Classes = YES_NO,
) -> Evaluation:
    """An evaluation whose summaries are those of the answers."""
    rows = tuple(_row(number, *answer[:2]) for number, answer in enumerate(answers))
    records = tuple(_record(number, *answer[1:]) for number, answer in enumerate(answers))
    summaries = {}
    for stratum in strata_of(rows):
        here = [i for i, row in enumerate(rows) if stratum_of(row) == stratum]
        labels = [rows[i].label for i in here]
        summaries[stratum] = summarize([records[i] for i in here], labels, BASELINES, classes, stratum)
    return Evaluation(task, route, (RELEASE,), summaries, rows, records, classes)


def _row(number: int, label: str, language: str) -> LabeledText:
    name = str(number)
    fields = {"id": name, "text": name, "label": label, "language": language, "family": name}
    fields |= {"split": "test", "tier": "hard"}
    return LabeledText.model_validate(fields)


def _record(number: int, language: str, verdict: str, p_yes: float | None, light: str) -> Record:
    return record(
        str(number),
        language=language,
        verdict=verdict,
        p_yes=p_yes,
        verdict_mass=None if p_yes is None else 0.5,
        light=Light(light),
        candidate_light=Light.GREEN if light == "yellow" else Light.RED,
        justification=None if p_yes is None else "Because so.",
        completion_tokens=4 if verdict != "neutral" else None,
        latency_seconds=float(number + 1),
    )
