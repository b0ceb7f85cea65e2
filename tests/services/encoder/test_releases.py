"""Folders of releases, and the program that waits for the first one."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from services.encoder.releases import FILES, release_folder
from services.encoder.wait import wait
from signalbox.errors import SetupError


def release(folder: Path) -> Path:
    """A folder with the files of a release, empty."""
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def name_current(releases: Path, name: str) -> None:
    (releases / "current").write_text(f"{name}\n", encoding="utf-8")


def test_a_release_is_its_own_folder(tmp_path: Path) -> None:
    folder = release(tmp_path / "encoder-v1-abc")
    assert release_folder(folder) == folder
    link = tmp_path / "encoder-v1"
    link.symlink_to(folder.name)
    assert release_folder(link) == link


def test_of_a_folder_of_releases_the_current_one_is_served(tmp_path: Path) -> None:
    for name in ("encoder-v1", "encoder-v2"):
        release(tmp_path / name)
        name_current(tmp_path, name)
        assert release_folder(tmp_path) == tmp_path / name


@pytest.mark.parametrize("name", FILES)
def test_what_is_missing_is_named(tmp_path: Path, name: str) -> None:
    (release(tmp_path / "r") / name).unlink()
    with pytest.raises(SetupError) as error:
        release_folder(tmp_path / "r")
    assert (
        error.value.message
        == f"{tmp_path / 'r'} is not a trained release: {tmp_path / 'r' / name} is missing."
    )
    assert error.value.hint == "Run `signalbox train`."


def test_waiting_logs_at_intervals_and_ends_with_the_release(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def train() -> None:
        time.sleep(0.35)
        release(tmp_path / "encoder-v1")
        name_current(tmp_path, "encoder-v1")

    training = threading.Thread(target=train)
    training.start()
    assert wait(tmp_path, poll_seconds=0.01, log_seconds=0.1) == tmp_path / "encoder-v1"
    training.join()
    *waiting, last = [line.getMessage() for line in caplog.records]
    assert last == "release is trained"
    assert set(waiting) == {"waiting for a trained release"}
    assert 2 <= len(waiting) <= 5


def program(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", *arguments, "--release-dir", str(folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_the_program_says_what_it_waits_for_and_stops_at_sigterm(tmp_path: Path) -> None:
    with program("services.encoder.wait", folder=tmp_path / "releases") as process:
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())
        assert line["message"] == "waiting for a trained release"
        assert str(tmp_path / "releases") in line["cause"]
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM


def test_the_predictor_itself_fails_without_a_release_and_names_the_command(tmp_path: Path) -> None:
    with program("services.encoder", folder=tmp_path) as process:
        _, errors = process.communicate(timeout=120)
    line = json.loads(errors.splitlines()[-1])
    assert process.returncode == 1
    assert (line["message"], line["hint"]) == ("startup failed", "Run `signalbox train`.")
