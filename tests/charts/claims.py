"""Charts as they render for a cluster that has claims already."""

import json
import shutil
from pathlib import Path

from tests.charts.conftest import add_notes, chart_folder

LOOKUP = 'lookup "v1" "PersistentVolumeClaim" (index . 0).Release.Namespace (index . 1)'


def copy_with_claims(chart: str, claims: str, folder: Path) -> Path:
    """A copy of a chart with its notes as an object; `claims` is JSON that replaces helm's lookup, as no cluster is there."""
    shutil.copytree(chart_folder(chart), folder)
    stand_in = f"(get ({json.dumps(claims)} | fromJson) (index . 1) | default dict)"
    helpers = list(folder.rglob("_claim.tpl"))  # one, or that of each part of the stack
    assert helpers
    for helper in helpers:
        text = helper.read_text(encoding="utf-8")
        assert text.count(LOOKUP) == text.count("lookup") == 1
        helper.write_text(text.replace(LOOKUP, stand_in), encoding="utf-8")
    add_notes(folder)
    return folder
