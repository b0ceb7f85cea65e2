"""`make demo-cluster` without a cluster: what it does around one."""

import json
import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest
from rich.console import Console

from signalbox.errors import SetupError
from tests.helpers import answering, say_json
from tools.cluster import demo as demos
from tools.cluster.__main__ import main
from tools.cluster.demo import ask, demo
from tools.cluster.inside import CommandError
from tools.cluster.layout import Layout
from tools.cluster.relay import Relay
from tools.cluster.stack import VALUES, guide_blocks

PREDICTION = {
    "light": {"color": "yellow", "reason": "uncalibrated"},
    "verdict": "yes",
    "release": {"name": "smollm2", "revision": "r1"},
}
LINE = "decoder: light yellow (uncalibrated), verdict yes, release smollm2 r1"


class Assessor(BaseHTTPRequestHandler):
    """Answers as the assessor does, to the login that the demo prints."""

    status = 200

    def do_GET(self):
        say_json(self, {}, 200 if self.path == "/healthz" else self.status)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.headers["Authorization"].startswith("Basic ") and body["model"] == "decoder"
        say_json(self, {"predictions": [PREDICTION]}, 200 if known else 401)

    def log_message(self, *_):
        pass


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """The demo without machine, images and cluster; what it calls, in order."""
    calls = []

    def note(name, result=None):
        return lambda *_, **__: calls.append(name) or result

    monkeypatch.setattr(demos, "check_machine", note("check"))
    monkeypatch.setattr(demos, "project_archives", note("archives", []))
    monkeypatch.setattr(demos, "up", note("up"))
    monkeypatch.setattr(demos, "_install", note("install"))
    monkeypatch.setattr(demos, "api_key", note("key", "secret-key"))
    monkeypatch.setattr(demos, "ask", note("ask", LINE))
    monkeypatch.setattr(demos, "down", note("down"))
    return calls


def run(tmp_path, *, interactive, port=0):
    console = Console(record=True, file=(tmp_path / "out").open("w"), width=20, soft_wrap=True)
    demo(Layout(tmp_path), console, port=port, interactive=interactive)
    return console.export_text()


def test_one_text_is_sent_and_all_is_removed(calls, tmp_path):
    text = run(tmp_path, interactive=False)
    assert calls == ["check", "archives", "up", "install", "key", "ask", "down"]
    assert LINE in text
    assert "\npassword  secret-key\n" in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_all_is_removed(calls, tmp_path, monkeypatch, number):
    monkeypatch.setattr(demos, "_wait", lambda _: time.sleep(30))
    threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
    assert "stopped" in run(tmp_path, interactive=True)
    assert calls[-1] == "down"


def test_a_second_signal_does_not_stop_the_removal(calls, tmp_path, monkeypatch):
    monkeypatch.setattr(demos, "_wait", lambda _: os.kill(os.getpid(), signal.SIGINT))

    def slow(_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        calls.append("down")

    monkeypatch.setattr(demos, "down", slow)
    run(tmp_path, interactive=True)
    assert calls[-1] == "down"


@pytest.mark.parametrize("error", [SetupError("no pod"), KeyboardInterrupt()])
def test_a_failed_installation_is_removed_and_no_success(calls, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(demos, "_install", fail)
    with pytest.raises(type(error)):
        run(tmp_path, interactive=True)
    assert calls[-1] == "down"


def test_a_port_in_use_is_reported_before_anything_starts(calls, tmp_path):
    with Relay(0) as other, pytest.raises(SetupError, match="PORT=8090"):
        run(tmp_path, interactive=False, port=other.port)
    assert "up" not in calls
    assert "down" not in calls


def test_a_cluster_of_somebody_else_is_left_alone(calls, tmp_path, monkeypatch):
    def running(*_):
        raise SetupError("A cluster is already running.")

    monkeypatch.setattr(demos, "up", running)
    with pytest.raises(SetupError, match="already running"):
        run(tmp_path, interactive=False)
    assert "down" not in calls


def test_light_verdict_and_release_are_printed():
    with answering(Assessor) as url:
        assert ask(url, "secret-key") == LINE


def test_a_page_that_does_not_load_is_an_error():
    refusing = type("Refusing", (Assessor,), {"status": 401})
    with answering(refusing) as url, pytest.raises(SetupError, match="status 401"):
        ask(url, "wrong")


def test_without_root_the_error_says_so(monkeypatch, capsys):
    monkeypatch.setattr("tools.cluster.needs.os.geteuid", lambda: 1000)
    assert main(["demo", "--port=0"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: The cluster cannot be started here: it needs root")


def test_the_first_block_of_the_guide_installs_and_asks():
    text = guide_blocks()[0].with_values(VALUES)
    assert f"helm install signalbox charts/signalbox --values {VALUES}" in text
    assert "helm test signalbox" in text


def test_a_command_that_fails_inside_is_an_error_and_no_traceback(monkeypatch, capsys):
    def fail(*_, **__):
        result = subprocess.CompletedProcess(["helm"], 1, "", "Error: no chart\n")
        raise CommandError(("helm", "install"), result)

    monkeypatch.setattr("tools.cluster.__main__.demo", fail)
    assert main(["demo"]) == 1
    assert "error: helm install: exit status 1\nError: no chart" in capsys.readouterr().err
