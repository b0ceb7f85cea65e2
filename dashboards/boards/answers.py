"""Answers: accuracy, calibration, drift and judge, per release. For the data scientist."""

from __future__ import annotations

from dashboards import promql, thresholds
from dashboards.boards.common import ANSWERS, INTERVAL, OF_ANSWERS
from dashboards.panel import Board, Query, Row, chart, stat
from dashboards.rules.alerts import ANSWERS as UID
from signalbox.contracts import certificate_metrics as certificate
from signalbox.contracts import metrics
from signalbox.contracts.metric import HIGH, LOW, Metric

_RELEASE = "task, tier, language, route, release"
_OF_RELEASE = "{{language}} {{tier}} {{route}} {{release}}"
_CRITERION = "task, language, route, judge, criterion"
_OF_CRITERION = "{{language}} {{route}} {{criterion}}"


def evaluated(metric: Metric, *labels: str, matchers: str = "") -> str:
    """A gauge of the job evaluate, per release."""
    inside = ",".join(filter(None, (ANSWERS, matchers)))
    return f"max by ({', '.join((_RELEASE, *labels))}) ({promql.series(metric, inside)})"


def baselines() -> str:
    return f"max by (task, tier, language, baseline) ({promql.series(metrics.EVAL_BASELINE, ANSWERS)})"


def judged(metric: Metric, *labels: str, matchers: str = "") -> str:
    """A gauge of the job judge, per criterion."""
    inside = ",".join(filter(None, (ANSWERS, matchers)))
    return f"max by ({', '.join((_CRITERION, *labels))}) ({promql.series(metric, inside)})"


def trusted() -> str:
    return f"{judged(metrics.JUDGE_TRUST, 'state')} == 1"


def verdict_shares() -> str:
    part = promql.rate_by("language, verdict", promql.series(metrics.VERDICTS, ANSWERS), INTERVAL)
    whole = promql.rate_by("language", promql.series(metrics.VERDICTS, ANSWERS), INTERVAL)
    return f"{part} / on (language) group_left () ({whole} > 0)"


def score_quantile(level: float) -> str:
    buckets = f"rate({promql.series(metrics.SCORE, ANSWERS, promql.BUCKET)}[{INTERVAL}])"
    return promql.quantile(level, "language, route", buckets)


def length_mean() -> str:
    part, whole = (
        promql.rate_by(
            "language, route, unit", promql.series(metrics.JUSTIFICATION_LENGTH, ANSWERS, suffix), INTERVAL
        )
        for suffix in (promql.SUM, promql.COUNT)
    )
    return promql.share(part, whole)


def agreement() -> str:
    agrees = promql.series(metrics.FEEDBACK, f'{ANSWERS},agreement="agrees"')
    every = promql.series(metrics.FEEDBACK, ANSWERS)
    return promql.share(
        *(promql.increase_by("task, language", selector, "1d") for selector in (agrees, every))
    )


def drift(metric: Metric, *labels: str) -> str:
    """A gauge of the job drift, per column."""
    by = ", ".join(("task, language, route, column", *labels))
    return f"max by ({by}) ({promql.series(metric, ANSWERS)})"


def golden(metric: Metric) -> str:
    return f"max by (task, language, route) ({promql.series(metric, ANSWERS)})"


def board() -> Board:
    """Evaluation, live answers, drift, judge."""
    return Board(
        UID,
        "Answers",
        "For the data scientist: how right the answers of each release are, and whether they change.",
        OF_ANSWERS,
        (_evaluation(), _calibration(), _live(), _drift(), _judge()),
        ("SignalboxDrift",),
    )


def _evaluation() -> Row:
    bounds = tuple(
        Query(
            evaluated(metrics.EVAL_ACCURACY_BOUND, matchers=f'bound="{bound}"'),
            f"{_OF_RELEASE} {bound} bound",
        )
        for bound in (LOW, HIGH)
    )
    return Row(
        "Evaluation",
        (
            chart("Accuracy", "How many test rows does each release answer correctly?",
                  Query(evaluated(metrics.EVAL_ACCURACY), _OF_RELEASE), *bounds, unit="percentunit", maximum=1, empty="Not evaluated"),
            chart("Baselines", "What do trivial methods reach on the same rows?", Query(baselines(), "{{language}} {{tier}} {{baseline}}"),
                  unit="percentunit", maximum=1, empty="Not evaluated"),
            chart("Coverage", "What share of the test rows has each light?",
                  Query(evaluated(metrics.EVAL_COVERAGE, "light"), f"{_OF_RELEASE} {{{{light}}}}"), unit="percentunit", maximum=1,
                  empty="Not evaluated"),
        ),
    )  # fmt: skip


def _calibration() -> Row:
    return Row(
        "Calibration",
        (
            chart("Error by light", "How many answers of each light are wrong on the test rows?",
                  Query(evaluated(metrics.EVAL_LIGHT_ERROR, "light"), f"{_OF_RELEASE} {{{{light}}}}"), unit="percentunit",
                  empty="Not evaluated"),
            chart("Calibration error", "Do the probabilities mean what they say? Below the floor, no difference can be seen.",
                  Query(evaluated(metrics.EVAL_ECE), _OF_RELEASE), Query(evaluated(metrics.EVAL_ECE_FLOOR), f"{_OF_RELEASE} floor"),
                  unit="percentunit", empty="Not evaluated"),
            chart("Brier score", "How good are the probabilities?", Query(evaluated(metrics.EVAL_BRIER), _OF_RELEASE),
                  empty="Not evaluated"),
        ),
    )  # fmt: skip


def _live() -> Row:
    levels = tuple(
        Query(score_quantile(level), f"{{{{language}}}} {{{{route}}}} p{level * 100:g}")
        for level in (0.1, 0.5, 0.9)
    )
    return Row(
        "Live answers",
        (
            chart("Verdicts", "What do the models answer?", Query(verdict_shares(), "{{language}} {{verdict}}"), unit="percentunit",
                  maximum=1),
            chart("Score", "How sure are the verdicts?", *levels),
            chart("Length of justifications", "How many characters, words and bullets has a justification?",
                  Query(length_mean(), "{{language}} {{route}} {{unit}}")),
            stat("Agreement of users", "How many entries of ground truth of a day agree with the answer? Voluntary entries are no estimate.",
                 Query(agreement(), "{{task}} {{language}}"), unit="percentunit", width=8, empty="No feedback"),
        ),
    )  # fmt: skip


def _drift() -> Row:
    of_column = "{{language}} {{route}} {{column}}"
    return Row(
        "Drift",
        (
            chart("Drift by column", "Which columns of the records changed?", Query(drift(metrics.DRIFT_DETECTED), of_column),
                  threshold=thresholds.DRIFT, empty="Too few rows"),
            chart("Effect", "How large is the change?", Query(drift(metrics.DRIFT_EFFECT, "measure"), f"{of_column} {{{{measure}}}}"),
                  empty="Too few rows"),
            chart("Golden rows", "How likely is such a difference to the blessed answers by chance?",
                  Query(golden(certificate.GOLDEN_P_VALUE), "{{language}} {{route}} p-value"),
                  Query(golden(certificate.GOLDEN_CHANGED), "{{language}} {{route}} changed"), empty="No golden rows"),
        ),
    )  # fmt: skip


def _judge() -> Row:
    return Row(
        "Judge",
        (
            chart("Score by criterion", "How many answers meet each criterion, by the judge?",
                  Query(judged(metrics.JUDGE_SCORE), _OF_CRITERION), unit="percentunit", maximum=1, empty="No judge"),
            chart("Is the judge trusted?", "Does the judge agree with people?", Query(trusted(), f"{_OF_CRITERION}: {{{{state}}}}"),
                  kind="table", empty="No judge"),
            chart("Agreement with people", "How often do judge and people agree, and how often would the more frequent label?",
                  Query(judged(metrics.JUDGE_AGREEMENT), _OF_CRITERION),
                  Query(judged(metrics.JUDGE_AGREEMENT_BASELINE), f"{_OF_CRITERION} baseline"), unit="percentunit", maximum=1,
                  empty="No judge"),
        ),
    )  # fmt: skip
