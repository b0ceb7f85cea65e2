"""Logs of the jobs' commands: JSON lines on standard error, next to the error for people."""

import json

import pytest
from typer.testing import CliRunner

from pipelines.cli import app

JOBS = ("train", "calibrate", "evaluate", "compare", "drift", "judge")


def events_of(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("job", JOBS)
def test_every_command_logs_its_start_and_ends_with_a_hint(job, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNALBOX_TASK", str(tmp_path / "absent"))
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path / "run"))
    result = CliRunner().invoke(app, [job])
    assert result.exit_code in {1, 2}
    (event,) = events_of(result.stderr)
    assert (event["message"], event["job"], event["level"]) == ("job started", job, "info")
    assert event["time"].endswith("+00:00")
    assert "error: " in result.stderr
    assert "hint: " in result.stderr
    assert result.stdout == ""


def test_a_command_that_succeeds_logs_its_end(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path / "run"))
    result = CliRunner().invoke(app, ["drift", "--no-log-run"], catch_exceptions=False)
    assert result.exit_code == 0
    assert [event["message"] for event in events_of(result.stderr)] == [
        "job started",
        "windows compared",
        "job finished",
    ]
    assert events_of(result.stdout) == []
