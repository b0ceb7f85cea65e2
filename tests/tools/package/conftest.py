"""The packaged charts, and helm without the user's configuration."""

import os
import subprocess

import pytest

from tools.charts.helm import find_tool
from tools.package.build import build


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The folder that `make package` writes without a key."""
    folder = tmp_path_factory.mktemp("package")
    list(build(folder))
    return folder


@pytest.fixture
def helm(tmp_path):
    """Run helm with caches and configuration of its own; returns the process."""
    variables = {f"HELM_{kind}_HOME": str(tmp_path / kind) for kind in ("CACHE", "CONFIG", "DATA")}

    def run(*words):
        command = [find_tool("helm"), *map(str, words)]
        return subprocess.run(
            command, env=os.environ | variables, capture_output=True, text=True, check=False
        )

    return run
