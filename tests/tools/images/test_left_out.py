"""Programs start without what their images leave out (WITHOUT and FOLDERS in images/python.Dockerfile)."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "images" / "python.Dockerfile").read_text(encoding="utf-8")
# Importing a module that is None in sys.modules fails, as one does that is not installed.
START = """
import sys
for name in {left_out!r}:
    sys.modules[name] = None
import {program}.__main__
"""


def left_out(member: str) -> list[str]:
    """Modules that the image of a member lacks."""
    stage = TEXT.partition(f"AS {member}-build\n")[2].partition("\nFROM ")[0]
    lists = {name: text.split() for name, text in re.findall(r'(WITHOUT|FOLDERS)="([^"]*)"', stage)}
    packages = {
        module
        for module, names in packages_distributions().items()
        if {name.lower().replace("_", "-") for name in names} & set(lists["WITHOUT"])
    }
    assert packages
    return sorted(packages | {folder.replace("/", ".") for folder in lists.get("FOLDERS", [])})


@pytest.mark.parametrize(
    ("member", "program"), [("assessor", "services.assessor"), ("encoder", "services.encoder")]
)
def test_a_program_starts_without_what_its_image_leaves_out(member: str, program: str) -> None:
    code = START.format(left_out=left_out(member), program=program)
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
