"""Which program runs the decoder: the setting, the wheel, then PATH."""

import sys
from pathlib import Path

import pytest

from local import llama
from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings


def program(folder: Path, name: str = "llama-server") -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def on_path(tmp_path, monkeypatch) -> Path:
    """A llama-server that is all of PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return program(tmp_path)


@pytest.fixture
def no_wheel(monkeypatch) -> None:
    """A platform without a wheel."""
    monkeypatch.setattr(llama, "_WHEEL", "no_such_package")


def test_the_wheel_comes_before_path(on_path):
    """A program that happens to be on PATH must not change the answers."""
    assert llama.command(Settings()) == (sys.executable, "-m", "local.engine")


def test_a_setting_comes_first_as_a_path_or_as_a_name_on_path(on_path, tmp_path):
    assert llama.command(Settings(llama_server="llama-server")) == (str(on_path),)
    other = program(tmp_path, "other")
    assert llama.command(Settings(llama_server=str(other))) == (str(other),)


@pytest.mark.parametrize("name", ["no-such-program", "/no/such/llama-server", "."])
def test_a_setting_that_is_no_program_is_wrong_input(on_path, name):
    with pytest.raises(InputError, match="SIGNALBOX_LLAMA_SERVER") as error:
        llama.command(Settings(llama_server=name))
    assert name in error.value.message


def test_without_a_wheel_path_is_used(no_wheel, on_path):
    assert llama.command(Settings()) == (str(on_path),)


def test_without_either_the_error_says_what_to_install(no_wheel, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="no_such_package") as error:
        llama.command(Settings())
    assert "SIGNALBOX_LLAMA_SERVER" in error.value.hint
    assert llama.problem() is not None


def test_the_wheel_loads_here():
    assert llama.problem() is None


def test_threads_give_up_their_cpu_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert llama.environment() == {"OMP_WAIT_POLICY": "PASSIVE"}
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert llama.environment() == {}
