"""A real API server accepts every example by server-side apply, twice, without a change, a duplicate or an unknown field."""

import json
import shutil

import pytest
import yaml

from tests.charts.api_server import ApiServer, api_server
from tests.charts.conftest import CHARTS, EXAMPLES, chart_folder, render, render_text
from tests.charts.hatches import CHARTS_WITH_PARTS, PARTS, merged, nested, with_keys
from tools.charts.helm import template

FLUX_VERSION = "0.2.0+4fda46fd8c4e"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("api")) as running:
        yield running


def namespace(server: ApiServer, name: str) -> str:
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    server.run("kubectl", "apply", "-f", "-", text=text)
    return name


def documents(text: str) -> list[dict]:
    """The objects of a render, in a namespace of their own."""
    return [document for document in yaml.safe_load_all(text) if document]


def moved(objects: list[dict], name: str) -> str:
    for item in objects:
        assert item["metadata"]["namespace"] == "models", item["kind"]
        item["metadata"]["namespace"] = name
    return yaml.safe_dump_all(objects)


@pytest.mark.parametrize(("chart", "example"), EXAMPLES)
def test_an_example_is_applied_twice_without_a_change(server, chart, example):
    objects = documents(render_text(chart, example))
    server.define(objects)
    name = namespace(server, f"{chart}-{example}".replace(".", "-"))
    text = moved(objects, name)
    server.apply(name, text)
    before = server.contents(name, text)
    server.apply(name, text)
    assert server.contents(name, text) == before
    assert len(before) == len(objects)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_hatches_are_applied_without_a_duplicate(server, part):
    place = {"": part.path, "chart": "", None: part.path}.get(part.environment, part.environment)
    row = {"name": "HOME", "value": "/other"}
    field = "initContainers" if part.container in ("pull", "download") else "containers"
    container = {"name": part.container, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}]}
    container |= {"securityContext": {"readOnlyRootFilesystem": False}, "env": [row]}
    spec = {field: [container], "volumes": [{"name": "scratch", "emptyDir": {}}], "dnsPolicy": "ClusterFirst"}
    values = with_keys(part, {"podTemplate": {"spec": spec}})
    if part.environment is not None:
        values = merged(values, nested(place, {"extraEnv": [row]}))
    objects = render(part.chart, values)
    server.define(objects)
    server.apply(namespace(server, "models"), yaml.safe_dump_all(objects), "--dry-run=server")


def with_version(chart: str, version: str, folder):
    """A copy of a chart as Flux builds it: the version has the digest of the artifact."""
    shutil.copytree(CHARTS / chart, folder, dirs_exist_ok=True)
    path = folder / "Chart.yaml"
    about = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(about | {"version": version}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
def test_a_version_with_a_digest_is_valid_in_every_label(server, chart, tmp_path):
    process = template(with_version(chart, FLUX_VERSION, tmp_path))
    assert process.returncode == 0, process.stderr
    server.apply(namespace(server, "models"), process.stdout, "--dry-run=server")


@pytest.mark.parametrize(
    ("chart", "secret"), [("model-server", "a-model-server-key"), ("assessor", "a-assessor-keys")]
)
def test_helm_generates_a_key_in_a_cluster_and_keeps_it(server, chart, secret):
    """The first install is into a namespace that does not exist while Helm renders."""
    options = ("a", str(chart_folder(chart)), "--namespace", f"first-{chart}")
    server.run("helm", "install", *options, "--create-namespace")
    read = ("kubectl", "get", "secret", secret, "--namespace", f"first-{chart}", "-o", "json")
    key = json.loads(server.run(*read))["data"]
    server.run("helm", "upgrade", *options, "--set", "commonLabels.team=a")
    after = json.loads(server.run(*read))
    assert after["data"] == key
    assert after["metadata"]["labels"]["team"] == "a"
