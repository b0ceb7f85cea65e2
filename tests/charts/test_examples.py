"""Every example renders to the objects that are committed beside it."""

import difflib

import pytest

from tests.charts.conftest import EXAMPLES, NAMES, chart_folder, example_file
from tools.charts.render import examples, golden, render

HINT = "run `make renders` and read the difference before you commit it"


@pytest.mark.parametrize(("chart", "example"), EXAMPLES)
def test_an_example_renders_to_what_is_committed(chart, example):
    source = example_file(chart, example)
    kept = golden(source)
    assert kept.is_file(), f"{kept} is missing: {HINT}"
    old, new = kept.read_text(encoding="utf-8"), render(chart_folder(chart), source)
    difference = "\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))
    assert old == new, f"{HINT}\n{difference[:4000]}"


@pytest.mark.parametrize("chart", NAMES)
def test_every_render_has_its_example(chart):
    folder = chart_folder(chart)
    kept = set((folder / "examples" / "rendered").glob("*.yaml"))
    assert kept == {golden(example) for example in examples(folder)}


@pytest.mark.parametrize(("chart", "example"), EXAMPLES)
def test_an_example_says_what_it_is_for(chart, example):
    assert example_file(chart, example).read_text(encoding="utf-8").startswith("# ")
