"""helm finds nothing to say about a chart, with its own values and with those of every example."""

import subprocess

import pytest
import yaml

from tests.charts.conftest import NAMES, RENDERS, chart_folder, example_file, tool


@pytest.mark.parametrize(("chart", "example"), RENDERS)
def test_a_chart_passes_the_strict_linter(chart, example):
    values = ["--values", str(example_file(chart, example))] if example else []
    command = [tool("helm"), "lint", "--strict", "--quiet", str(chart_folder(chart)), *values]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize("chart", NAMES)
def test_a_chart_says_what_it_is(chart):
    about = yaml.safe_load((chart_folder(chart) / "Chart.yaml").read_text(encoding="utf-8"))
    assert about["name"] == chart
    assert about["type"] == "application"
    assert about["kubeVersion"]
    assert about["description"].endswith(".")
