"""The thresholds of alerts and panels: one table, so that a panel turns red where the alert fires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Threshold:
    """A value from which on, or with `below` under which, something is wrong: as Grafana colors the steps of a panel."""

    value: float
    reason: str
    below: bool = False

    def __str__(self) -> str:
        return f"{self.value:g}"

    @property
    def operator(self) -> str:
        """The comparison that is true if something is wrong."""
        return "<" if self.below else ">="


DAY_SECONDS: Final = 86_400

CERTIFICATE_DAYS = Threshold(7, "a week is enough to collect labels for the next one", below=True)
DETECTOR = Threshold(0.8, "at 0.8 of the way, a few wrong answers are left until the certificate is revoked")
RED_SHARE = Threshold(0.3, "the example task has 0.1 to 0.2")
RED_SHARE_ANSWERS = Threshold(20, "fewer answers in an hour say nothing about a share")
LABEL_AGE_DAYS = Threshold(7, "a text older than a week is hard to judge from memory")
# Two windows each, from the SRE workbook: 2 % of the budget of 30 days in an hour, or 5 % in 6 hours.
BURN_FAST = Threshold(14.4, "uses 2 % of the budget of 30 days in an hour")
BURN_SLOW = Threshold(6, "uses 5 % of the budget of 30 days in 6 hours")
BURN_ERRORS = Threshold(
    0.9, "share of errors that raises the alert where a low objective keeps the burn rate below its limits"
)
BUDGET_LEFT = Threshold(0, "the error budget of 30 days is used up", below=True)
SERVERS = Threshold(1, "fewer than one replica answers", below=True)
WAITING = Threshold(10, "ten requests wait longer than a user does")
KV_CACHE = Threshold(0.95, "above, the engine preempts requests")
PREEMPTIONS = Threshold(0.1, "one request in ten seconds is computed twice")
FIRST_TOKEN_SECONDS = Threshold(2, "a reader waits two seconds for the first word")
GPU_CELSIUS = Threshold(85, "data center GPUs reduce their clock from about 85 °C on")
GPU_FREE_SHARE = Threshold(0.02, "the next allocation can fail", below=True)
SPOOLED = Threshold(100, "more than a restart of the database leaves")
JOB_AGE_DAYS = Threshold(35, "longer than the monthly schedule of the slowest job")
SAMPLES = Threshold(20_000, "a page of an engine has at most 2,000 samples")
UPSTREAM_READY = Threshold(1, "0 is unavailable", below=True)
DRIFT = Threshold(1, "0 is no drift")
XID_CHANGES = Threshold(1, "each change is a new error")
FAILED_RUNS = Threshold(1, "the Job has the condition Failed: it has no retries left")
