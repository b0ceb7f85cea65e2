"""The gate of charts/pipelines: off by default, and a hook before an upgrade where it is on."""

import pytest

from tests.charts.conftest import one, render, render_error
from tests.charts.pipelines_chart import JUDGE

BASELINE = ["--baseline", "0123456789abcdef#decoder"]
HOOK = "helm.sh/hook"


def values(**changes):
    return {"jobs": {"train": {"enabled": False}, "gate": {"enabled": True, "args": BASELINE} | changes}}


def names(documents):
    return [document["metadata"]["name"] for document in documents if document["kind"] == "Job"]


def test_it_is_off_by_default():
    assert not [name for name in names(render("pipelines", {})) if "gate" in name]


def test_helm_waits_for_it_before_an_upgrade():
    job = one(render("pipelines", values()), "Job")
    annotations = job["metadata"]["annotations"]
    assert annotations[HOOK] == "pre-upgrade"
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation"
    assert job["metadata"]["name"].endswith("-gate")
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert (container["command"], container["args"]) == (["signalbox-jobs", "gate"], BASELINE)


def test_it_queries_the_model_of_the_upgrade():
    job = one(render("pipelines", values() | {"decoder": {"url": "http://model-server-new/v1"}}), "Job")
    variables = {v["name"]: v.get("value") for v in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert variables["SIGNALBOX_DECODER_URL"] == "http://model-server-new/v1"
    assert "SIGNALBOX_MLFLOW_URL" in variables
    assert "SIGNALBOX_DATABASE_URL" not in variables


def test_only_a_broken_gate_is_retried():
    job = one(render("pipelines", values()), "Job")
    final = [rule for rule in job["spec"]["podFailurePolicy"]["rules"] if rule["action"] == "FailJob"]
    assert final[0]["onExitCodes"]["values"] == [1, 2]
    assert job["spec"]["backoffLimit"] == 1


def test_without_the_hook_it_is_a_job_like_the_others():
    job = one(render("pipelines", values(hook="")), "Job")
    assert HOOK not in job["metadata"].get("annotations", {})
    assert not job["metadata"]["name"].endswith("-gate")


def test_a_schedule_of_all_jobs_is_none_of_the_hook():
    scheduled = {"jobDefaults": {"schedule": "@monthly"}}
    kinds = {
        document["kind"]
        for document in render("pipelines", {**scheduled, "jobs": {"train": {"enabled": True}}})
    }
    assert "CronJob" in kinds
    rendered = render("pipelines", {**values(), **scheduled})
    assert one(rendered, "Job")["metadata"]["annotations"][HOOK] == "pre-upgrade"


def test_another_job_is_no_hook_and_fails_at_once_on_wrong_input_only():
    job = one(render("pipelines", {"jobs": {"train": {"enabled": True}}}), "Job")
    assert HOOK not in job["metadata"].get("annotations", {})
    final = [rule for rule in job["spec"]["podFailurePolicy"]["rules"] if rule["action"] == "FailJob"]
    assert final[0]["onExitCodes"]["values"] == [2]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"args": []}, "jobs.gate.args: has no --baseline, which the job needs."),
        ({"args": ["--model", "decoder"]}, "jobs.gate.args: has no --baseline"),
        ({"schedule": "@daily"}, 'jobs.gate.schedule: "@daily", but jobs.gate.hook is "pre-upgrade".'),
        ({"hook": "post-install"}, "hook"),
    ],
)
def test_values_that_cannot_work_are_rejected(changes, words):
    assert words in render_error("pipelines", values(**changes) | JUDGE)


@pytest.mark.parametrize("args", [["--baseline=abc"], ["--limit", "5", "--baseline", "abc"]])
def test_the_baseline_may_be_written_in_two_ways(args):
    assert one(render("pipelines", values(args=args)), "Job")
