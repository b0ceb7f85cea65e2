"""Charts, their examples and manifests as the tests see them; all tests here run the pinned tools."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml

from tools.charts import CHARTS, ROOT, charts
from tools.charts.helm import find_tool, template
from tools.charts.render import examples

NAMES = [chart.name for chart in charts()]
# (chart, example) of every example.
EXAMPLES = [(chart.name, example.stem) for chart in charts() for example in examples(chart)]
# The same and, with an empty name, the default values of every chart.
RENDERS = [*((name, "") for name in NAMES), *EXAMPLES]
WITHOUT_PODS = {"monitoring"}
# Values of both charts that have a database.
POSTGRES = {"database": {"type": "postgres", "postgres": {"existingSecret": "signalbox-app"}}}
# The generated keys, which a client-side render has only on request.
GENERATED = {"assessor": {"apiKeys": {"generate": True}}, "model-server": {"apiKey": {"generate": True}}}
SCHEMAS = ROOT / "tests" / "charts" / "schemas"


def tool(name: str) -> str:
    """Path of a pinned tool."""
    return find_tool(name)


@pytest.fixture(name="tool", scope="session")
def tool_fixture():
    return tool


def chart_folder(chart: str) -> Path:
    return CHARTS / chart


def example_file(chart: str, example: str) -> Path:
    folder = CHARTS / chart
    return next(path for path in examples(folder) if path.stem == example)


def render(chart: str, values: dict | None = None, *args: str, name: str = "x") -> list[dict]:
    """The objects of a chart with these values; fails the test with helm's error if it rejects them."""
    process = template(CHARTS / chart, *args, name=name, values=yaml.safe_dump(values or {}))
    assert process.returncode == 0, process.stderr
    return [document for document in yaml.safe_load_all(process.stdout) if document]


def render_error(chart: str, values: dict | None = None, *args: str, name: str = "x") -> str:
    """The error with which a chart rejects these values; fails the test if it renders."""
    process = template(CHARTS / chart, *args, name=name, values=yaml.safe_dump(values or {}))
    assert process.returncode != 0, f"rendered {process.stdout.count('kind: ')} objects instead of an error"
    return process.stderr


@pytest.fixture(name="render", scope="session")
def render_fixture():
    return render


@pytest.fixture(name="render_error", scope="session")
def render_error_fixture():
    return render_error


def add_notes(folder: Path) -> None:
    """Give a copy of a chart an object with its notes."""
    text = (folder / "templates" / "NOTES.txt").read_text(encoding="utf-8")
    (folder / "templates" / "notes.yaml").write_text(
        '{{ define "notes" }}' + text + "{{ end }}\nkind: Notes\nmetadata: {name: notes}\n"
        'text: {{ include "notes" . | toJson }}\n',
        encoding="utf-8",
    )


@pytest.fixture(scope="session")
def notes(tmp_path_factory):
    """The text of a chart's NOTES.txt, which only an install into a cluster prints: a copy has it in an object."""

    @cache
    def copy(chart: str) -> Path:
        folder = tmp_path_factory.mktemp("notes") / chart
        shutil.copytree(CHARTS / chart, folder)
        add_notes(folder)
        return folder

    def text(values: dict, chart: str = "model-server") -> str:
        process = template(copy(chart), "--show-only", "templates/notes.yaml", values=yaml.safe_dump(values))
        assert process.returncode == 0, process.stderr
        return yaml.safe_load(process.stdout)["text"]

    return text


@cache
def nameless_command() -> list[str]:
    """What a command line starts with to run as OpenShift runs it: no entry in passwd, the group root, no rights.

    Empty where the kernel allows no user namespaces.
    """
    command = ["unshare", "--user", "--map-user=1000650000", "--map-group=0", "--"]
    status = subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    return [] if status else command


@pytest.fixture(scope="session")
def nameless() -> list[str]:
    return nameless_command() or pytest.skip("this machine allows no user namespaces")


@cache
def render_text(chart: str, example: str) -> str:
    """What helm prints for an example, or for the default values with an empty name."""
    values = ("--values", str(example_file(chart, example))) if example else ()
    process = template(CHARTS / chart, *values)
    assert process.returncode == 0, process.stderr
    return process.stdout


def render_example(chart: str, example: str) -> list[dict]:
    """The objects of an example, or of the default values with an empty name."""
    return [document for document in yaml.safe_load_all(render_text(chart, example)) if document]


def one(objects: list[dict], kind: str, name: str | None = None) -> dict:
    """The only object of this kind, or of this kind and name."""
    (match,) = [item for item in objects if item["kind"] == kind and name in (None, item["metadata"]["name"])]
    return match


def pod_of(item: dict) -> dict:
    """The pod spec of a Deployment or a Job."""
    return item["spec"]["template"]["spec"]


def environment(pod: dict) -> dict[str, dict]:
    """Variable of a pod's first container → its entry."""
    return {item["name"]: item for item in pod["containers"][0]["env"]}


def pods(document: dict) -> list[tuple[str, dict]]:
    """The pod specs in an object, wherever it has them, each with its place."""
    specs = []

    def look(node, place):
        if isinstance(node, dict):
            if isinstance(node.get("containers"), list) and "image" in node["containers"][0]:
                specs.append((place, node))
            for key, value in node.items():
                look(value, f"{place}.{key}")
        elif isinstance(node, list):
            for index, item in enumerate(node):
                look(item, f"{place}[{index}]")

    look(document, f"{document['kind']}/{document['metadata']['name']}")
    return specs
