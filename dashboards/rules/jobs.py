"""Jobs: the recording rule of their success, and the three conditions of their alert.

kube-state-metrics knows runs and schedules, and the jobs' own metrics the last success. Without kube-state-metrics, no
run counts as failed, and only jobs that are meant to run again and again can be late.
"""

from __future__ import annotations

from dashboards import promql, thresholds
from dashboards.rules.rule import Group, Recording
from signalbox.contracts import metrics

BY = "namespace, job"
SUCCESS = "signalbox:job_last_success:timestamp_seconds"
# The condition of a Job without retries left. A failed pod is none: the next one can succeed.
FAILED = 'kube_job_failed{condition="true"}'
_SUSPENDED = "kube_cronjob_spec_suspend"
# Jobs that run when something changes: the first word of their label `job`.
_ONCE = ("train", "calibrate", "compare", "gate", "evidence")


def group() -> Group:
    """The rule that the alert looks back on."""
    success = promql.series(metrics.JOB_LAST_SUCCESS)
    recording = Recording(SUCCESS, f"max by ({BY}) ({success})", "Unix time of the last success of each job.")
    return Group("signalbox-jobs", (recording,))


def failed() -> str:
    """Runs that failed for good, without those that a later run of the same CronJob made up for."""
    runs = f"max by (namespace, job_name) ({FAILED}) >= {thresholds.FAILED_RUNS}"
    ours = f"{SUCCESS} or {promql.series(metrics.SPOOLED_ROWS)}"
    return f"({runs} unless {_made_up()}) and on (namespace) ({ours})"


def _made_up() -> str:
    """Runs that began before the last success of their CronJob."""
    success = 'label_replace(kube_cronjob_status_last_successful_time, "owner_name", "$1", "cronjob", "(.*)")'
    owner = 'kube_job_owner{owner_kind="CronJob"}'
    of_owner = (
        f"{owner} * on (namespace, owner_name) group_left () max by (namespace, owner_name) ({success})"
    )
    started = "max by (namespace, job_name) (kube_job_status_start_time)"
    return f"(max by (namespace, job_name) ({of_owner}) > {started})"


def stale() -> str:
    """Jobs without success for too long: those whose CronJob is not suspended.

    A CronJob is named `RELEASE-JOB`, and the label `job` begins with the job. Without kube-state-metrics schedules are not
    known: then every job that does not run once.
    """
    late = f"{_age(SUCCESS)} >= {thresholds.JOB_AGE_DAYS}"
    program = f'label_replace({late}, "program", "$1", "job", "([a-z]+)-.*")'
    scheduled = f'label_replace({_SUSPENDED} == 0, "program", "$1", "cronjob", "(?:.*-)?([a-z]+)")'
    repeated = f'{SUCCESS}{{job!~"({"|".join(_ONCE)})-.*"}}'
    known = f"max by ({BY}) ({program} and on (namespace, program) {scheduled})"
    return f"{known} or ({_age(repeated)} >= {thresholds.JOB_AGE_DAYS} unless on () {_SUSPENDED})"


def gone() -> str:
    """Jobs whose metrics are not scraped any more."""
    return promql.gone(BY, SUCCESS)


def _age(series: str) -> str:
    return f"(time() - {series}) / {thresholds.DAY_SECONDS}"
