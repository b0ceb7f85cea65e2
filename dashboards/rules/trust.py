"""Recording rules of trust and of cost: the detector, labels, correct green answers, energy."""

from __future__ import annotations

from dashboards import promql
from dashboards.rules.rule import Group, Recording
from dashboards.settings import setting
from signalbox.contracts import certificate_metrics as certificate
from signalbox.contracts import metrics
from signalbox.contracts.light import Light

KEY = "namespace, task, language, verdict, route"
DETECTOR = "signalbox:detector_evidence:log_ratio"
CERTIFIED = "signalbox:certificate_certified:max"
DAYS_LEFT = "signalbox:certificate_left:days"
GREEN_ERROR = "signalbox:green_error:ratio"
CORRECT_GREEN = "signalbox:correct_green:increase1d"
ENERGY = "signalbox:energy_watt_hours:increase1d"
COST = "signalbox:cost:increase1d"
XID = "signalbox:gpu_xid:last"
_DCGM_MILLIJOULES = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
_MILLIJOULES_PER_WATT_HOUR = 3_600_000


def groups() -> tuple[Group, ...]:
    """The rules of trust and those of GPUs and cost."""
    return Group("signalbox-trust", _trust()), Group("signalbox-gpu", _gpu())


def _trust() -> tuple[Recording, ...]:
    evidence, limit = (
        f"max by ({KEY}) ({promql.series(metric)})"
        for metric in (certificate.CERTIFICATE_EVIDENCE, certificate.CERTIFICATE_LIMIT)
    )
    error = f"max by (task, language) ({promql.series(certificate.CERTIFICATE_ERROR)})"
    green = f'light="{Light.GREEN}"'
    evaluated = f"max by (task, language) ({promql.series(metrics.EVAL_LIGHT_ERROR, green)})"
    certified = promql.series(certificate.CERTIFICATE_STATE, 'state="certified"')
    return (
        Recording(
            CERTIFIED,
            f"max by ({KEY}) ({certified})",
            "1 if the newest certificate of a key is certified, else 0.",
        ),
        Recording(
            DETECTOR,
            f"ln(clamp_min({evidence}, 1)) / (ln({limit}) > 0)",
            "How far the detector's evidence is on its way to the limit, on the logarithmic scale.",
        ),
        Recording(
            DAYS_LEFT,
            f"(min by ({KEY}) ({promql.series(certificate.CERTIFICATE_EXPIRY)}) - time()) / 86400",
            "Days until the newest certificate expires.",
        ),
        Recording(
            GREEN_ERROR,
            f"{error} or {evaluated}",
            "Share of wrong answers among green ones: from labels since the certificate, else from the evaluation.",
        ),
        Recording(
            CORRECT_GREEN,
            f"sum by (task, language) (signalbox:answers:increase1d{{{green}}}) * on (task, language) (1 - {GREEN_ERROR})",
            "Correct green answers of a day.",
        ),
    )


def _gpu() -> tuple[Recording, ...]:
    watts = f"({setting('assumed_watts')} > 0)"
    measured = f"sum(increase({_DCGM_MILLIJOULES}[1d])) / {_MILLIJOULES_PER_WATT_HOUR}"
    return (
        Recording(
            XID,
            "max by (Hostname, gpu, UUID) (DCGM_FI_DEV_XID_ERRORS)",
            "Code of the last Xid error of a GPU; it never returns to 0.",
        ),
        Recording(
            "signalbox:power_watts",
            f"sum(DCGM_FI_DEV_POWER_USAGE) or sum({watts})",
            "Power of all GPUs, or the setting assumed_watts without a meter.",
        ),
        Recording(ENERGY, f"{measured} or 24 * sum({watts})", "Energy of a day in Wh."),
        Recording(
            COST,
            f"{ENERGY} / 1000 * scalar({setting('electricity_price_per_kwh')})"
            f" + (24 * count(DCGM_FI_DEV_GPU_UTIL) * scalar({setting('gpu_price_per_hour')}) or vector(0))",
            "Cost of a day: energy, and the price of GPU hours, in the currency of the prices.",
        ),
    )
