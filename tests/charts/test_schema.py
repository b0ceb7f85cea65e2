"""values.schema.json rejects misspelt keys, is current, and has all keys that the templates use."""

import re

import pytest

from signalbox.errors import InputError
from tests.charts.conftest import NAMES, chart_folder, render_error
from tools.charts.reference import readme
from tools.charts.schema import schema, schema_file
from tools.charts.values import Key, read, walk

HINT = "run `make generate`"
# Values as templates and helpers name them: .Values.a.b, $.Values.a.b, (.Values.a).b and `with .Values.a`.
USED = re.compile(r"\.Values((?:\.[A-Za-z][A-Za-z0-9]*)+)")


def keys(chart: str) -> list[Key]:
    return walk(read(chart_folder(chart) / "values.yaml"))


def templates(chart: str) -> str:
    """The text of all templates of a chart."""
    files = [path for path in (chart_folder(chart) / "templates").rglob("*") if path.is_file()]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def used_paths(text: str) -> set[str]:
    """The paths below .Values that templates name."""
    return {match.group(1)[1:] for match in USED.finditer(text)}


def misspelt(path: str) -> str:
    """The path with two letters of its last key exchanged, as fingers do; a doubled letter where they are equal."""
    stem, dot, key = path.rpartition(".")
    wrong = key[1] + key[0] + key[2:] if len(key) > 1 and key[0] != key[1] else key + key[-1]
    return f"{stem}{dot}{wrong}"


def closed(chart: str) -> list[Key]:
    """The keys whose neighbours are all known: not those in a map that users extend."""
    free = [key.path + "." for key in keys(chart) if key.open]
    return [key for key in keys(chart) if not key.path.startswith(tuple(free))]


@pytest.mark.parametrize("chart", NAMES)
def test_every_misspelt_key_is_rejected(chart):
    """All misspellings of a level at once: helm names each of them, and renders count in hundreds otherwise."""
    values: dict = {}
    for key in closed(chart):
        *parents, name = misspelt(key.path).split(".")
        node = values
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = key.default if key.default is not None else "x"
    error = render_error(chart, values)
    missed = [key.path for key in closed(chart) if not _rejected(error, misspelt(key.path))]
    assert missed == []


def _rejected(error: str, path: str) -> bool:
    """Whether helm's message names the key as unknown at its place."""
    stem, _, name = path.rpartition(".")
    place = "at '" + ("/" + stem.replace(".", "/") if stem else "") + "'"
    lines = [line for line in error.splitlines() if place in line and "additional properties" in line]
    return any(f"'{name}'" in line for line in lines)


@pytest.mark.parametrize("chart", NAMES)
def test_the_committed_schema_is_what_the_generator_writes(chart):
    folder = chart_folder(chart)
    assert (folder / "values.schema.json").read_text(encoding="utf-8") == schema_file(folder), HINT


@pytest.mark.parametrize("chart", NAMES)
def test_the_committed_readme_is_what_the_generator_writes(chart):
    folder = chart_folder(chart)
    assert (folder / "README.md").read_text(encoding="utf-8") == readme(folder), HINT


@pytest.mark.parametrize("chart", NAMES)
def test_every_value_that_a_template_uses_is_in_the_schema(chart):
    keys_in_schema = {key.path for key in keys(chart)}
    free = {key.path for key in keys(chart) if key.open or "properties" in key.schema}
    strange = used_paths(templates(chart)) - keys_in_schema
    unknown = [path for path in strange if not any(_within(path, opened) for opened in free)]
    assert unknown == []


@pytest.mark.parametrize("chart", NAMES)
def test_every_comment_is_a_sentence(chart):
    assert [key.path for key in keys(chart) if not key.text.endswith((".", ".)", "?"))] == []


def test_a_path_lies_within_its_parents_only():
    assert _within("gpu.product", "gpu")
    assert _within("gpu", "gpu")
    assert not _within("gpuPools", "gpu")


def _within(path: str, parent: str) -> bool:
    return path == parent or path.startswith(f"{parent}.")


WRONG = {
    "key: 1\n": "key: got 'no comment'",
    "# What it is.\nkey:\n": r"key: got None\. Name its type",
    "# What it is.\nkey: {}\n": r"key: got \{\}\. Name its contents",
    "# What it is.\nkey:\n  below: 1\n": r"key\.below: got 'no comment'",
    "# What it is.\n# @schema {enum}\nkey: 1\n": "Write one JSON object after @schema",
}


@pytest.mark.parametrize("text", WRONG)
def test_the_reader_names_the_key_that_is_wrong(tmp_path, text):
    source = tmp_path / "values.yaml"
    source.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=WRONG[text]):
        read(source)


def test_a_comment_makes_the_schema_of_its_key(tmp_path):
    (tmp_path / "Chart.yaml").write_text("name: sample\n", encoding="utf-8")
    (tmp_path / "values.yaml").write_text(SAMPLE, encoding="utf-8")
    properties = schema(tmp_path)["properties"]
    assert properties["port"] == {
        "description": "Port that it listens on.",
        "type": "integer",
        "default": 80,
        "minimum": 1,
    }
    assert properties["secret"]["type"] == ["string", "null"]
    assert properties["labels"]["additionalProperties"] == {"type": "string"}
    assert "properties" not in properties["labels"]
    assert properties["probe"]["additionalProperties"] is False
    assert properties["probe"]["properties"]["path"]["type"] == "string"


SAMPLE = """
# A heading, apart from the first key.

# Port that it
# listens on.
# @schema {"minimum": 1}
port: 80
# Name of the secret.
# @schema {"type": "string"}
secret: null
# Labels of the pod.
# @schema {"additionalProperties": {"type": "string"}}
labels:
  team: a
# How it is probed.
probe:
  # Path that is asked.
  path: /healthz
"""
