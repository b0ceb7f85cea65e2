"""`signalbox why`: runbooks with the values of an alert."""

from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signalbox.cli import installed_app
from signalbox.runbooks import page
from tests.helpers import answering, say_json

ALERT = "SignalboxNoModelServer"
DOCS = Path("docs/runbooks")
LABELS = {"alertname": ALERT, "namespace": "llm", "service": "model-server-large", "severity": "critical"}


def test_every_page_is_packaged_as_it_is_in_the_documentation():
    source = {path.name: page.without_links(path.read_text()) for path in DOCS.glob("Signalbox*.md")}
    assert {path.name: path.read_text() for path in page.PAGES.glob("*.md")} == source
    assert source


def test_a_link_is_its_text_and_its_path():
    text = "See [engines](../guides/engines.md#x), or [Drift](SignalboxDrift.md)."
    expected = "See engines (docs/guides/engines.md), or Drift (docs/runbooks/SignalboxDrift.md)."
    assert page.without_links(text) == expected


@pytest.mark.parametrize("name", page.names())
def test_every_page_has_its_sections_and_no_link_that_a_terminal_cannot_follow(name):
    runbook = page.load(name)
    assert all(runbook.sections.values())
    assert "](" not in "".join(runbook.sections.values())
    assert runbook.summary


class Alerts(BaseHTTPRequestHandler):
    """A stand-in of Prometheus with one firing and one pending alert."""

    def do_GET(self):
        alerts = [
            {"state": "firing", "labels": LABELS},
            {"state": "pending", "labels": {**LABELS, "alertname": "SignalboxQueueLong"}},
        ]
        say_json(self, {"status": "success", "data": {"alerts": alerts}})

    def log_message(self, *arguments):
        pass


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("SIGNALBOX_PROMETHEUS_PORT", "1")
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *words: CliRunner().invoke(installed_app(), ["why", *words])


def test_the_labels_of_a_firing_alert_are_in_its_commands(run, monkeypatch):
    with answering(Alerts) as url:
        monkeypatch.setenv("SIGNALBOX_PROMETHEUS_URL", url)
        text = run(ALERT).stdout
        assert 'kubectl --namespace "llm" logs "deployment/model-server-large" --tail=100' in text
        assert f'promtool query instant "{url}"' in text
        assert "fires now: namespace=llm" in text
        assert "$" not in text
        rows = {
            line.split()[0]: line.split()[1]
            for line in run().stdout.splitlines()
            if line.lstrip().startswith("Signalbox")
        }
    assert rows[ALERT] == "fires"
    assert rows["SignalboxQueueLong"] == "silent"


def test_options_come_before_labels(run, monkeypatch):
    with answering(Alerts) as url:
        monkeypatch.setenv("SIGNALBOX_PROMETHEUS_URL", url)
        text = run(ALERT, "--namespace", "other").stdout
    assert '--namespace "other"' in text
    assert "fires now" not in text


def test_without_prometheus_what_is_not_known_is_named(run):
    text = run(ALERT, "--namespace", "llm").stdout
    assert '--namespace "llm" logs "deployment/$service"' in text
    assert (
        "note: not known here: service, prometheus. Set in your shell: export service=… prometheus=…" in text
    )


def test_mitigation_is_printed_on_request(run):
    assert "signalbox check-boot boot.log" not in run(ALERT).stdout
    assert "signalbox check-boot boot.log" in run(ALERT, "--mitigation").stdout


def test_a_value_that_a_shell_would_read_is_exported_in_quotes(run):
    text = run(ALERT, "--service", "a; rm -rf /", "--namespace", "llm").stdout
    assert "export service='a; rm -rf /'" in text
    assert '"deployment/$service"' in text


@pytest.mark.parametrize("name", [ALERT.lower(), "NoModelServer", "nomodelserver"])
def test_a_name_may_lack_its_prefix_and_capitals(run, name):
    assert run(name).stdout.startswith(ALERT)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("SignalboxNoModelSever", "Did you mean `SignalboxNoModelServer`"),
        ("quelong", "`SignalboxQueueLong`"),
        ("xyzzy", "`signalbox why` lists all alerts."),
    ],
)
def test_an_unknown_name_gets_the_nearest_ones(run, name, hint):
    result = run(name)
    assert result.exit_code == 2
    assert hint in result.stderr


def test_a_label_without_a_value_is_named(run):
    assert "--label" in run(ALERT, "--label", "job_name").stderr
