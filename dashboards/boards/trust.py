"""May I trust it today? For the owner of the task."""

from __future__ import annotations

from dashboards import promql, thresholds
from dashboards.boards.common import ANSWERS, OF_ANSWERS, TASK
from dashboards.panel import Board, Query, Row, chart, stat
from dashboards.rules import assessor, trust
from dashboards.rules.alerts import TRUST
from signalbox.contracts import certificate_metrics as certificate
from signalbox.contracts import metrics
from signalbox.contracts.light import Light
from signalbox.contracts.metric import HIGH

_KEY = "{{task}} {{language}} {{verdict}} {{route}}"
_GREEN = f'{ANSWERS},light="{Light.GREEN}"'


def states() -> str:
    """The state of each certificate."""
    return f"max by ({trust.KEY}, state) ({promql.series(certificate.CERTIFICATE_STATE, ANSWERS)} == 1)"


def lights() -> str:
    return f"{assessor.LIGHTS}{{{ANSWERS}}}"


def green_share() -> str:
    return f"{assessor.LIGHTS}{{{_GREEN}}}"


def red_share() -> str:
    """Red answers, without those that are red to get their ground truth."""
    return f"{assessor.RED}{{{ANSWERS}}}"


def answers_of_a_day() -> str:
    return f"sum by (task, language) (signalbox:answers:increase1d{{{ANSWERS}}})"


def green_error() -> str:
    return f"{trust.GREEN_ERROR}{{{TASK}}}"


def green_error_bound() -> str:
    matchers = f'{ANSWERS},bound="{HIGH}"'
    return f"max by (task, language) ({promql.series(certificate.CERTIFICATE_ERROR_BOUND, matchers)})"


def detector() -> str:
    return f"{trust.DETECTOR}{{{ANSWERS}}}"


def days_left() -> str:
    return f"{trust.DAYS_LEFT}{{{ANSWERS}}}"


def age_days() -> str:
    issued = promql.series(certificate.CERTIFICATE_ISSUED, ANSWERS)
    return f"(time() - max by ({trust.KEY}) ({issued})) / {thresholds.DAY_SECONDS}"


def labels_owed() -> str:
    return f"sum by (task, language) ({promql.series(metrics.QUEUE_WAITING, ANSWERS)})"


def oldest_request_days() -> str:
    oldest = promql.series(certificate.CERTIFICATE_OLDEST_REQUEST, ANSWERS)
    return f"(time() - min by (task, language) ({oldest})) / {thresholds.DAY_SECONDS}"


def labels_by_outcome() -> str:
    return f"sum by (language, outcome) ({promql.series(certificate.CERTIFICATE_LABELS, ANSWERS)})"


def shown_red() -> str:
    return f"max by ({trust.KEY}) ({promql.series(certificate.CERTIFICATE_SHOWN_RED, ANSWERS)})"


def events() -> str:
    return f"sum by (language, action) ({promql.series(certificate.CERTIFICATE_EVENTS, ANSWERS)})"


def correct_green() -> str:
    return f"{trust.CORRECT_GREEN}{{{TASK}}}"


def _per_correct_green(figure: str) -> str:
    return f"sum({figure}) / (sum({correct_green()}) > 0)"


def energy_per_correct_green() -> str:
    return _per_correct_green(trust.ENERGY)


def cost_per_correct_green() -> str:
    return _per_correct_green(trust.COST)


def board() -> Board:
    """Lights, certificates, labels, cost."""
    return Board(
        TRUST,
        "May I trust it today?",
        "For the owner of the task: what share of the answers is green, and whether green still means what it should.",
        OF_ANSWERS,
        (_today(), _certificates(), _labels(), _cost()),
        (
            "SignalboxCertificateLost",
            "SignalboxDetectorNearLimit",
            "SignalboxLabelsOwed",
            "SignalboxRedShareHigh",
        ),
    )


def _today() -> Row:
    of_language = "{{task}} {{language}}"
    return Row(
        "Today",
        (
            stat("Green", "What share of the answers of an hour is green?", Query(green_share(), of_language), unit="percentunit"),
            stat("Red", "What share is red, apart from answers that are red to get a label?", Query(red_share(), of_language),
                 unit="percentunit", threshold=thresholds.RED_SHARE),
            stat("Error among green", "How many green answers are wrong, and how many may be?",
                 Query(green_error(), of_language), Query(green_error_bound(), f"{of_language} upper bound"),
                 unit="percentunit", empty="No labels"),
            stat("Answers per day", "How many answers did a day have?", Query(answers_of_a_day(), of_language)),
            chart("Lights by language", "How do the shares of the lights change?", Query(lights(), "{{task}} {{language}} {{light}}"),
                  unit="percentunit", maximum=1, width=24),
        ),
    )  # fmt: skip


def _certificates() -> Row:
    return Row(
        "Certificates",
        (
            chart("State", "Which certificates hold?", Query(states(), f"{_KEY}: {{{{state}}}}"), kind="table", width=12,
                  empty="No certificate"),
            chart("Detector", "How far is the evidence against a certificate on its way to the limit?", Query(detector(), _KEY),
                  unit="percentunit", threshold=thresholds.DETECTOR, maximum=1, width=12, empty="No certificate"),
            stat("Days until expiry", "When is the next certificate needed?", Query(days_left(), _KEY), unit="d",
                 threshold=thresholds.CERTIFICATE_DAYS, empty="No certificate"),
            stat("Age", "How old is the certificate?", Query(age_days(), _KEY), unit="d", empty="No certificate"),
            stat("Share shown red", "How many answers are red to get their ground truth?", Query(shown_red(), _KEY),
                 unit="percentunit", empty="No certificate"),
            stat("Events", "How often was a certificate issued, suspended, revoked?", Query(events(), "{{language}} {{action}}"),
                 empty="No certificate"),
        ),
    )  # fmt: skip


def _labels() -> Row:
    return Row(
        "Labels",
        (
            stat("Labels owed", "How many texts wait for a person?", Query(labels_owed(), "{{task}} {{language}}"), empty="No campaign"),
            stat("Oldest request", "How long has a text been waiting?", Query(oldest_request_days(), "{{task}} {{language}}"),
                 unit="d", threshold=thresholds.LABEL_AGE_DAYS, empty="No open request"),
            chart("Labels since the certificate", "How many labels are right, wrong and open?",
                  Query(labels_by_outcome(), "{{language}} {{outcome}}"), width=12, empty="No certificate"),
        ),
    )  # fmt: skip


def _cost() -> Row:
    return Row(
        "Cost",
        (
            stat("Correct green answers per day", "How many answers could be used as they are?",
                 Query(correct_green(), "{{task}} {{language}}"), width=8),
            stat("Wh per correct green answer", "What energy does a usable answer need?", Query(energy_per_correct_green()),
                 unit="watth", width=8, empty="No meter"),
            stat("Cost per correct green answer", "What does a usable answer cost, in the currency of the prices?",
                 Query(cost_per_correct_green()), width=8, empty="No meter"),
        ),
    )  # fmt: skip
