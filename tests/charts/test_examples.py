"""Every example renders to the objects that are committed with it."""

import difflib

import pytest
import yaml

from tests.charts.conftest import EXAMPLES, NAMES, chart_folder, example_file
from tools.charts.render import examples, golden, render

HINT = "run `make renders` and read the difference before you commit it"


@pytest.mark.parametrize(("chart", "example"), EXAMPLES)
def test_an_example_renders_to_what_is_committed(chart, example):
    source = example_file(chart, example)
    committed_render = golden(source)
    assert committed_render.is_file(), f"{committed_render} is missing: {HINT}"
    old, new = committed_render.read_text(encoding="utf-8"), render(chart_folder(chart), source)
    difference = "\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))
    assert old == new, f"{HINT}\n{difference[:4000]}"


@pytest.mark.parametrize("chart", NAMES)
def test_every_render_has_its_example(chart):
    folder = chart_folder(chart)
    committed_render = set((folder / "examples" / "rendered").glob("*.yaml"))
    assert committed_render == {golden(example) for example in examples(folder)}


@pytest.mark.parametrize(("chart", "example"), EXAMPLES)
def test_an_example_has_a_comment_about_its_purpose(chart, example):
    assert example_file(chart, example).read_text(encoding="utf-8").startswith("# ")


def test_no_example_of_a_model_server_names_a_key_that_nothing_creates():
    """The generated key is in the Secret that assessor and jobs look for; any other name breaks the connection."""
    values = {
        example: yaml.safe_load(example_file("model-server", example).read_text(encoding="utf-8"))
        for chart, example in EXAMPLES
        if chart == "model-server"
    }
    assert [name for name, keys in values.items() if keys.get("apiKey", {}).get("existingSecret")] == []
