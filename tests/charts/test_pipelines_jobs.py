"""Job and CronJob: when jobs of the pipelines' chart run, how often, and under which name."""

import re
import shutil

import pytest
import yaml

from tests.charts.conftest import one, render
from tests.charts.pipelines_chart import ALL_JOBS, CHART, JUDGE, PROGRAMS, job
from tools.charts.helm import template


def test_a_schedule_makes_a_cronjob_of_a_job():
    values = {"jobs": {"drift": {"enabled": True, "schedule": "30 0 * * *", "timeZone": "Europe/Berlin"}}}
    spec = one(render("pipelines", values), "CronJob")["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("30 0 * * *", "Europe/Berlin")
    assert (spec["concurrencyPolicy"], spec["suspend"]) == ("Forbid", False)
    assert spec["startingDeadlineSeconds"] == 3600
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["name"] == "drift"


# With values that a merge would ignore.
OWN = {
    "backoffLimit": 0,
    "ttlSecondsAfterFinished": 0,
    "suspend": False,
    "successfulJobsHistoryLimit": 0,
    "activeDeadlineSeconds": 60,
    "concurrencyPolicy": "Replace",
    "startingDeadlineSeconds": None,
}


def test_a_jobs_own_values_override_the_defaults_even_if_they_are_empty():
    defaults = {"suspend": True, "ttlSecondsAfterFinished": 9, "timeZone": "Asia/Tokyo"}
    values = {
        "jobDefaults": defaults,
        "jobs": {"drift": {"enabled": True, "schedule": "@daily", **OWN}},
    }
    cron = one(render("pipelines", values), "CronJob")["spec"]
    spec = cron["jobTemplate"]["spec"]
    effective = {key: cron.get(key, spec.get(key)) for key in OWN}
    assert effective == OWN
    assert cron["timeZone"] == "Asia/Tokyo"


def test_a_null_for_all_jobs_takes_the_limit_away():
    values = {
        "jobDefaults": {"startingDeadlineSeconds": None},
        "jobs": {"drift": {"enabled": True, "schedule": "@daily"}},
    }
    cron = one(render("pipelines", values), "CronJob")["spec"]
    assert "startingDeadlineSeconds" not in cron
    assert "ttlSecondsAfterFinished" not in cron["jobTemplate"]["spec"]


@pytest.mark.parametrize(
    "change",
    [
        {"image": {"tag": "0.1.1"}},
        {"jobs": {"train": {"run": "2026-11-25"}}},
        {"jobDefaults": {"activeDeadlineSeconds": 60}},
        {"task": {"path": "tasks/tickets"}},
    ],
)
def test_a_changed_job_has_a_new_name(change):
    """A Job's spec is immutable: under its old name, `helm upgrade` would fail."""
    before, after = job("train", {}), job("train", change)
    assert before["spec"] != after["spec"]
    assert before["metadata"]["name"] != after["metadata"]["name"]
    assert job("train", {})["metadata"]["name"] == before["metadata"]["name"]


@pytest.mark.parametrize(
    "change", [{"jobs": {"drift": {"enabled": True, "schedule": "@daily"}}}, {"mlflow": {"workers": 2}}]
)
def test_a_job_that_did_not_change_keeps_its_name_and_is_not_run_again(change):
    assert job("train", change)["metadata"]["name"] == job("train", {})["metadata"]["name"]


def test_a_new_version_of_the_chart_alone_trains_nothing(tmp_path):
    newer = tmp_path / "pipelines"
    shutil.copytree(CHART, newer)
    about = (newer / "Chart.yaml").read_text(encoding="utf-8")
    (newer / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*", "version: 9.9.9", about), encoding="utf-8")
    done = template(newer)
    train = one([item for item in yaml.safe_load_all(done.stdout) if item], "Job")
    assert train["metadata"]["labels"]["helm.sh/chart"] == "pipelines-9.9.9"
    assert train["metadata"]["name"] == job("train", {})["metadata"]["name"]
    assert train["spec"] == job("train", {})["spec"]


@pytest.mark.parametrize("length", [1, 30, 53])
def test_names_stay_within_what_kubernetes_allows(length):
    schedule = {"schedule": "@daily"}
    for values in (ALL_JOBS, ALL_JOBS | {"jobDefaults": schedule}):
        for item in render("pipelines", values, name="r" * length):
            name = item["metadata"]["name"]
            assert len(name) <= (52 if item["kind"] == "CronJob" else 63)
            assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program["shards"]])
def test_shards_make_an_indexed_job(name):
    values = {"jobs": {name: {"enabled": True, "shards": 8, "backoffLimit": 1}}} | JUDGE
    (spec,) = [i["spec"] for i in render("pipelines", values) if i["kind"] == "Job" and name in i["metadata"]["name"]]  # fmt: skip
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 8, 8)
    assert spec["backoffLimitPerIndex"] == 1
    assert "backoffLimit" not in spec
    assert spec["template"]["spec"]["containers"][0]["args"] == ["--shards", "8"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_pod_that_was_evicted_does_not_count_and_wrong_input_is_not_tried_again(name):
    spec = job(name)["spec"]
    assert "completionMode" not in spec
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # which a failure policy requires
    ignore, fail = spec["podFailurePolicy"]["rules"]
    assert ignore == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    assert fail["action"] == "FailJob"
    assert fail["onExitCodes"] == {"containerName": name, "operator": "In", "values": PROGRAMS[name]["final"]}
    assert spec["template"]["spec"]["containers"][0]["name"] == name
