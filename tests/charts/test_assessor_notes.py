"""The notes that Helm prints after an installation of the assessor."""

import json
import subprocess

import pytest

from tests.charts.conftest import GENERATED, POSTGRES, one, render
from tests.helpers import free_port
from tests.services.assessor.page_app import clients, make_app, serving


@pytest.mark.parametrize(
    "values",
    [
        {"decoder": {"apiKey": {"value": "sk-plain"}}},
        {"database": {"type": "postgres", "postgres": {"url": "postgresql://u:sk-plain@h/d"}}},
    ],
)
def test_the_notes_warn_of_a_key_in_plain_text_and_do_not_repeat_it(notes, values):
    output = notes(values, "assessor")
    assert "WARNING" in output
    assert "plain text" in output
    assert "sk-plain" not in output


def test_the_notes_have_access_configuration_and_risks(notes):
    output = notes({}, "assessor")
    for part in (
        "port-forward service/x-assessor",
        "/v1/assess",
        "database     sqlite",
        "SQLite supports one pod",
    ):
        assert part in output
    assert "WARNING" not in output
    assert "SQLite supports one pod" not in notes(POSTGRES, "assessor")


def test_the_notes_call_with_the_key_and_show_how_to_read_it(notes):
    output = notes({}, "assessor")
    (reading,) = [line for line in output.splitlines() if "KEY=" in line]
    assert "get secret x-assessor-keys -o jsonpath='{.data.api-key}' | base64 -d" in reading
    (call,) = [line for line in output.splitlines() if "curl http://127.0.0.1:8080/v1/assess" in line]
    assert '-H "Authorization: Bearer $KEY"' in call
    assert output.index(reading) < output.index(call)
    assert "get secret" not in notes({"apiKeys": {"existingSecret": "s"}}, "assessor")


def test_the_first_call_in_the_notes_is_answered(notes, tmp_path):
    """Run it unchanged except for the port; a replacement of kubectl reads the Secret of the chart."""
    text = 'The "aid" isn\'t needed.'
    values = {"helmTest": {"text": text}} | GENERATED["assessor"]
    secret = one(render("assessor", values), "Secret", "x-assessor-keys")["stringData"]
    file = tmp_path / "clients.yaml"
    file.write_text(secret["clients.yaml"], encoding="utf-8")
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\nprintf %s {secret['api-key']} | base64 -w0\n", encoding="utf-8")
    kubectl.chmod(0o700)
    lines = [
        line for line in notes(values, "assessor").splitlines() if line.startswith(("  KEY=", "  curl "))
    ]
    models = clients()
    with serving(make_app(tmp_path, models=models, api_keys_file=file), free_port()) as url:
        script = "\n".join(lines).replace("http://127.0.0.1:8080", url)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(
            ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
        )
    assert json.loads(done.stdout)["predictions"][0]["light"]["color"] == "yellow"
    assert models["encoder"].asked == [(text, "en")]


def test_the_notes_warn_of_an_assessor_without_keys(notes):
    output = notes({"apiKeys": {"enabled": False}}, "assessor")
    assert "WARNING: apiKeys.enabled is false" in output
    assert "Bearer" not in output
    assert "Do not expose the Service outside the cluster" in output
    outside = {"ingress": {"enabled": True, "host": "h.example.org"}}
    assert "Configure authentication in the Ingress" in notes(
        {"apiKeys": {"enabled": False}} | outside, "assessor"
    )
    assert "/metrics requires no key" in notes(outside, "assessor")
    assert "plain HTTP" in notes(outside, "assessor")


def test_the_notes_name_objects_that_must_exist(notes):
    assert "must exist in namespace" not in notes({}, "assessor")
    output = notes({"encoder": {"url": "http://encoder-predictor"}}, "assessor")
    assert "must exist in namespace" not in output
    assert "encoder      http://encoder-predictor (not part of this release)" in output
    thresholds = {"thresholds": {"existingClaim": "pipelines"}, "caBundle": {"existingConfigMap": "house"}}
    output = notes(POSTGRES | thresholds, "assessor")
    names = (
        "ConfigMap house",
        "PersistentVolumeClaim pipelines",
        "Secret signalbox-app",
    )
    assert "must exist in namespace models:\n" + "".join(f"  - {name}\n" for name in names) in output
    own = {"apiKeys": {"existingSecret": "clients"}}
    assert "uses the key api-key of Secret clients" in notes(own, "assessor")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.openai.com/v1", "api.openai.com"),
        ("http://llama/v1", None),
        ("http://llama.judges.svc:8000/v1", None),
        ("http://llama.judges.svc.cluster.local/v1", None),
        ("http://10.0.0.7:8000/v1", None),
    ],
)
def test_the_notes_warn_of_texts_that_leave_the_cluster(notes, url, host):
    output = notes({"decoder": {"url": url}}, "assessor")
    assert ("All texts for the decoder are sent to" in output) is (host is not None)
    assert host is None or f"sent to {host}, outside the cluster. Make sure" in output


def test_the_notes_name_the_destinations_that_the_policy_allows(notes):
    rule = {"networkPolicy": {"extraEgress": [{"ports": [{"port": 443}]}]}}
    assert "egress to this namespace only" in notes({}, "assessor")
    assert "to the destinations in networkPolicy.extraEgress and global.proxy only" in notes(rule, "assessor")


def test_the_notes_name_the_retention_of_records(notes):
    records = {"records": {"storeText": False, "retentionDays": 30}}
    assert "records      without texts, deleted after 30 days" in notes(records, "assessor")
    assert "with texts, kept indefinitely" in notes({}, "assessor")


def test_the_notes_warn_of_records_that_end_with_the_pod(notes):
    values = {"persistence": {"enabled": False}}
    assert "WARNING: persistence.enabled is false" in notes(values, "assessor")
    assert "WARNING" not in notes(values | POSTGRES, "assessor")
