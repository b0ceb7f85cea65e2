"""Every object that is rendered is one that Kubernetes and the operators know, without a kind skipped."""

import json
import subprocess

import pytest
import yaml

from tests.charts.conftest import RENDERS, SCHEMAS, render, render_text, tool
from tools.charts import ROOT

PLACE = str(SCHEMAS / "{{ .Group }}" / "{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json")
OVERLAYS = sorted(path.parent for path in (ROOT / "manifests").rglob("kustomization.yaml"))
PLAIN = sorted(
    path
    for path in (ROOT / "manifests").rglob("*.yaml")
    if not any(path.is_relative_to(overlay) for overlay in OVERLAYS)
)
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}


def checked(text: str) -> dict:
    """kubeconform's answer: `resources` holds what is wrong, `summary` the counts."""
    command = [tool("kubeconform"), "-strict", "-summary", "-output", "json", "-schema-location", PLACE, "-"]
    process = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return json.loads(process.stdout)


def assert_known(text: str) -> None:
    documents = [document for document in yaml.safe_load_all(text) if document]
    answer = checked(text)
    assert answer["resources"] == [], "a kind without a schema belongs into tools/charts/schemas.py"
    assert answer["summary"] == {"valid": len(documents), "invalid": 0, "errors": 0, "skipped": 0}
    assert documents


@pytest.mark.parametrize(("chart", "example"), RENDERS)
def test_every_object_of_a_chart_is_known(chart, example):
    text = render_text(chart, example)
    # A chart may render nothing by default: a baseline elsewhere needs no object here.
    assert_known(text)


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_every_object_of_an_overlay_is_known(folder):
    process = subprocess.run(
        [tool("kubectl"), "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert_known(process.stdout)


def test_every_manifest_lies_with_an_overlay():
    """One that does not would be checked by nobody."""
    assert PLAIN == []


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"containers": [{"name": "a", "imagePullPolcy": "Always"}]}, "imagePullPolcy"),
        ({"containers": [{"name": "a", "ports": [{"containerPort": "http"}]}]}, "got string, want integer"),
        ({}, "missing property 'containers'"),
    ],
)
def test_a_wrong_object_is_named(spec, sentence):
    (resource,) = checked(yaml.safe_dump(POD | {"spec": spec}))["resources"]
    assert resource["status"] == "statusInvalid"
    assert sentence in resource["msg"]


def test_a_key_given_twice_is_an_error():
    (resource,) = checked("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {}\ndata: {}\n")[
        "resources"
    ]
    assert resource["status"] == "statusError"


def test_a_kind_without_a_schema_is_an_error():
    unknown = {"apiVersion": "example.org/v1", "kind": "Unknown", "metadata": {"name": "a"}}
    (resource,) = checked(yaml.safe_dump(unknown))["resources"]
    assert resource["status"] == "statusError"
    assert "could not find schema" in resource["msg"]


@pytest.mark.parametrize("path", sorted(SCHEMAS.rglob("*.json")), ids=lambda path: path.stem)
def test_every_schema_is_strict(path):
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert schema["additionalProperties"] is False
    assert {"apiVersion", "kind"} <= set(schema["required"])


# Combinations that no example has.
VARIANTS = {
    "KServe that scales": {
        "kserve": {"enabled": True},
        "autoscaling": {"enabled": True, "minReplicas": 0},
        "persistence": {"accessModes": ["ReadWriteMany"]},
    },
    "KServe behind a route": {
        "kserve": {"enabled": True},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]},
    },
    "several nodes that scale": {
        "model": {"name": "meta-llama/Llama-3.1-405B-Instruct"},
        "gpu": {"product": "H100", "count": 16},
        "quantization": "fp8",
        "parallelism": {"tensor": 8, "pipeline": 2, "nodes": 2},
        "autoscaling": {"enabled": True, "kind": "hpa"},
        "persistence": {"enabled": False, "size": "1Ti"},
        "serviceMonitor": {"enabled": True},
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_of_a_variant_is_known(variant):
    documents = render("model-server", VARIANTS[variant])
    assert_known(yaml.safe_dump_all(documents))
