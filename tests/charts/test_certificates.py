"""The keys and files of certificates: which pods have them, and that no render creates a key."""

import pytest

from tests.charts.conftest import environment, one, pod_of, render, render_error
from tests.charts.pipelines_chart import job

KEYS = {"certificates": {"existingSecret": "keys"}}


def files_of(spec: dict) -> dict[str, str]:
    """Keys of the Secret of certificates that a pod mounts, with their file names."""
    (volume,) = [one["secret"] for one in spec["volumes"] if one["name"] == "certificate"]
    assert volume["secretName"] == "keys"
    return {item["key"]: item["path"] for item in volume["items"]}


def test_only_certify_has_the_private_key():
    certify, watch, golden = (
        job(name)["spec"]["template"]["spec"] for name in ("certify", "watch", "golden")
    )
    assert set(files_of(certify)) == {"certificate.pub", "certificate.pem"}
    assert set(files_of(watch)) == set(files_of(golden)) == {"certificate.pub"}
    assert certify["containers"][0]["command"] == ["signalbox", "certify"]
    assert watch["containers"][0]["command"] == ["signalbox-jobs", "watch"]
    assert not [
        one for one in job("train")["spec"]["template"]["spec"]["volumes"] if one["name"] == "certificate"
    ]


@pytest.mark.parametrize("name", ["certify", "watch", "golden"])
def test_a_job_without_keys_is_rejected(name):
    error = render_error("pipelines", {"jobs": {name: {"enabled": True}}})
    assert f"certificates.existingSecret: is empty, but jobs.{name}.enabled is true." in error


def test_watch_and_golden_are_scheduled():
    values = {"jobs": {"watch": {"enabled": True}, "golden": {"enabled": True}}} | KEYS
    schedules = {
        item["metadata"]["labels"]["signalbox/job"]: item["spec"]["schedule"]
        for item in render("pipelines", values)
        if item["kind"] == "CronJob"
    }
    assert schedules == {"watch": "*/15 * * * *", "golden": "0 3 * * *"}


def test_the_assessor_mounts_the_public_key_and_reads_the_claim_of_the_jobs():
    values = KEYS | {"thresholds": {"existingClaim": "pipelines"}, "review": {"initialPhase": True}}
    pod = pod_of(one(render("assessor", values), "Deployment"))
    assert files_of(pod) == {"certificate.pub": "certificate.pub"}
    variables = {name: item.get("value") for name, item in environment(pod).items()}
    assert variables["SIGNALBOX_CERTIFICATES_PATH"] == "/var/lib/signalbox-thresholds/certificates"
    assert variables["SIGNALBOX_CERTIFICATE_KEY"] == "/etc/signalbox/certificate/certificate.pub"
    assert variables["SIGNALBOX_INITIAL_PHASE"] == "true"
    assert (variables["SIGNALBOX_SECOND_REVIEW_SHARE"], variables["SIGNALBOX_EVIDENCE_CALLS"]) == ("0.1", "8")


@pytest.mark.parametrize(("chart", "values"), [("assessor", KEYS), ("pipelines", KEYS)])
def test_no_render_creates_the_key(chart, values):
    secrets = [item for item in render(chart, values) if item["kind"] == "Secret"]
    assert not [item for item in secrets if "certificate.pem" in str(item)]
