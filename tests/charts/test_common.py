"""The charts share the helpers of charts/_common, and the committed copies equal their source."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.charts.conftest import NAMES, chart_folder, render, tool
from tools.charts import CHARTS
from tools.charts.vendor import dependencies, vendor

COMMON = CHARTS / "_common"
WITH_COMMON = [name for name in NAMES if "common" in dependencies(chart_folder(name))]


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_library_chart_is_small_and_creates_nothing():
    about = yaml.safe_load((COMMON / "Chart.yaml").read_text(encoding="utf-8"))
    assert (about["name"], about["type"]) == ("common", "library")
    templates = list((COMMON / "templates").iterdir())
    assert {path.suffix for path in templates} == {".tpl"}
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in templates) <= 345


@pytest.mark.parametrize("chart", WITH_COMMON)
def test_a_vendored_copy_equals_its_source(chart):
    copy = chart_folder(chart) / "charts" / "common"
    assert contents(copy) == contents(COMMON), "run `make generate`"


@pytest.mark.parametrize("chart", WITH_COMMON)
def test_helm_finds_every_dependency_without_a_build(chart):
    command = [tool("helm"), "dependency", "list", str(chart_folder(chart))]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "unpacked" in process.stdout
    assert not {"missing", "wrong", "WARNING"} & set(process.stdout.replace(":", " ").split()), process.stdout


def test_vendor_removes_files_that_the_source_no_longer_has(tmp_path):
    source, chart = tmp_path / "_common", tmp_path / "a"
    source.mkdir()
    (source / "Chart.yaml").write_text("name: common\n", encoding="utf-8")
    stale = chart / "charts" / "common" / "stale.tpl"
    stale.parent.mkdir(parents=True)
    stale.touch()
    about = {"dependencies": [{"name": "common", "repository": "file://../_common"}]}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")
    vendor(chart)
    assert contents(chart / "charts") == {"common/Chart.yaml": b"name: common\n"}


@pytest.mark.parametrize("chart", [name for name in WITH_COMMON if name != "monitoring"])  # it has no pods
def test_names_leave_room_for_suffixes(chart):
    """The limit of a name is 63 characters, of a CronJob's name 52."""
    values = {"fullnameOverride": "a" * 39 + "-bcd"}
    (account,) = [item for item in render(chart, values) if item["kind"] == "ServiceAccount"]
    assert account["metadata"]["name"] == "a" * 39
