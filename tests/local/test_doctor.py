"""Missing dependencies: an empty PATH, ports in use, no room."""

import io
import socket
import sys
from collections import namedtuple
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.console import Console

from local import doctor
from local.doctor import CHECKS, examine
from signalbox.settings import Settings
from tests.helpers import free_port

# Programs that are looked up on PATH only → their package, and the purposes that need them.
TOOLS = {
    "Chromium": ("chromium", {"test"}),
    "wrk": ("wrk", {"bench"}),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    ports = {f"{name}_port": free_port() for name in ("assessor", "encoder", "decoder", "mlflow")}
    return Settings(cache_dir=tmp_path / "cache", **ports)


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def finding(settings, name, purpose="demo"):
    return next(f for f in examine(settings, purpose) if f.name == name)


def install(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("purpose", ["demo", "test", "bench"])
@pytest.mark.parametrize("name", TOOLS)
def test_a_missing_tool_has_its_package_and_blocks_only_where_needed(settings, empty_path, name, purpose):
    package, needed_for = TOOLS[name]
    result = finding(settings, name, purpose)
    assert result.status is None
    assert result.hint == f"apt-get install {package}"
    assert result.blocks is (purpose in needed_for)


@pytest.mark.parametrize(("tool", "name"), [("wrk", "wrk"), ("chromium-browser", "Chromium")])
def test_a_tool_on_the_path_is_found_where_it_is(settings, empty_path, tool, name):
    path = install(empty_path, tool)
    assert finding(settings, name, "bench").status == str(path)


def test_the_engine_is_the_one_that_the_demo_would_start(settings, empty_path):
    """It needs no compiler and no program on PATH."""
    assert finding(settings, "decoder engine").status == f"xllamacpp {version('xllamacpp')}"
    program = install(empty_path, "my-llama")
    chosen = settings.model_copy(update={"llama_server": "my-llama"})
    assert finding(chosen, "decoder engine").status == str(program)
    missing = finding(settings.model_copy(update={"llama_server": "/no/such"}), "decoder engine")
    assert missing.blocks
    assert "SIGNALBOX_LLAMA_SERVER" in missing.hint
    elsewhere = settings.model_copy(update={"decoder_url": "http://elsewhere.example/v1"})
    assert not finding(elsewhere, "decoder engine").blocks


@pytest.mark.parametrize("name", ["assessor", "encoder", "decoder", "mlflow"])
def test_a_port_in_use_blocks_the_demo_only(settings, name):
    assert finding(settings, "free ports").status
    with socket.socket() as other:
        other.bind(("127.0.0.1", getattr(settings, f"{name}_port")))
        other.listen()
        assert finding(settings, "free ports").blocks
        assert f"SIGNALBOX_{name.upper()}_PORT" in finding(settings, "free ports").hint
        assert not finding(settings, "free ports", "test").blocks
    assert finding(settings, "free ports").status


@pytest.mark.parametrize("name", ["encoder", "decoder", "mlflow"])
def test_the_port_of_a_service_elsewhere_may_be_in_use(settings, name):
    with socket.socket() as other:
        other.bind(("127.0.0.1", getattr(settings, f"{name}_port")))
        other.listen()
        elsewhere = settings.model_copy(update={f"{name}_url": "http://elsewhere.example"})
        assert finding(elsewhere, "free ports").status


def test_too_little_room_blocks(settings, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(0, 0, 2**30))
    result = finding(settings, "disk")
    assert result.blocks
    assert "SIGNALBOX_CACHE_DIR" in result.hint
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(0, 0, 2**40))
    assert finding(settings, "disk").status == "1024 GiB free"


def test_too_little_memory_blocks(settings, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 4096}.get(name, 2**30 // 4096))
    assert finding(settings, "memory").blocks
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 4096}.get(name, 2**35 // 4096))
    assert finding(settings, "memory").status == "32 GiB"


def test_this_python_is_new_enough(settings, monkeypatch):
    assert finding(settings, "Python 3.11 or newer").status == sys.version.split()[0]
    monkeypatch.setattr(sys, "version_info", (3, 10, 9))
    assert finding(settings, "Python 3.11 or newer").blocks


@pytest.mark.parametrize("purpose", ["demo", "test", "bench"])
def test_every_check_is_reported_with_a_hint(settings, purpose):
    findings = examine(settings, purpose)
    assert [f.name for f in findings] == [check.name for check in CHECKS]
    assert all(f.hint for f in findings)
    assert {f.name for f in findings if f.needed} == {
        c.name for c in doctor.CHECKS if purpose in c.needed_for
    }


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_fix_is_never_cut(settings, empty_path, width):
    text = io.StringIO()
    findings = examine(settings, "test")
    doctor.show(findings, Console(file=text, width=width))
    assert "…" not in text.getvalue()
    columns = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.getvalue().splitlines()]
    fixes = "".join(cells[3] for cells in columns if len(cells) == 4).replace(" ", "")
    assert all(f.hint.replace(" ", "") in fixes for f in findings if f.status is None)
