"""Python and the Makefile must look for built programs in the same folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.cache import TOOLS, cache_folder, programs_of


def makefile_value(name: str) -> str:
    printed = subprocess.run(
        ["make", "--print-data-base", "--dry-run", "help"],
        cwd=TOOLS.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in printed.stdout.splitlines() if line.startswith(f"{name} :=")]
    return line.partition(":= ")[2]


@pytest.mark.parametrize("given", [None, "/somewhere/else"])
def test_make_and_python_name_the_same_folders(monkeypatch, given):
    if given is None:
        monkeypatch.delenv("SIGNALBOX_CACHE_DIR", raising=False)
    else:
        monkeypatch.setenv("SIGNALBOX_CACHE_DIR", given)
    assert makefile_value("TOOLS") == str(programs_of(TOOLS))
    cluster = makefile_value("CLUSTER_BINS").split()
    assert cluster == [str(programs_of(TOOLS / Path(path).parent.name.rsplit("-", 1)[0])) for path in cluster]
    assert all(Path(path).is_relative_to(cache_folder()) for path in cluster)
