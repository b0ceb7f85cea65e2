"""What the charts do not know can be changed through the same keys on every pod, and misspelt keys next to them fail."""

import pytest
import yaml

from tests.charts.conftest import chart_folder, pods, render, render_error
from tests.charts.hatches import (
    CHARTS_WITH_PARTS,
    PARTS,
    Part,
    containers,
    merged,
    nested,
    pod_specs,
    with_keys,
)
from tools.charts.values import read, walk

WITH_ENVIRONMENT = [part for part in PARTS if part.environment is not None]
# Field of a pod → what a platform may need there.
POD_FIELDS = {
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
    "dnsPolicy": "None",
    "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["hub.example"]}],
    "hostIPC": True,
    "hostNetwork": True,
    "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one"}],
    "runtimeClassName": "kata",
    "schedulerName": "volcano",
    "shareProcessNamespace": True,
    "terminationGracePeriodSeconds": 7,
    "tolerations": [{"operator": "Exists"}],
    "topologySpreadConstraints": [
        {"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
    ],
}
CONTAINER_FIELDS = {
    "securityContext": {"readOnlyRootFilesystem": False, "capabilities": {"add": ["IPC_LOCK"]}},
    "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "more", "mountPath": "/more"}],
    "env": [{"name": "NEW", "value": "a"}],
    "lifecycle": {"postStart": {"exec": {"command": ["true"]}}},
    "resources": {"claims": [{"name": "gpu"}]},
}
VOLUMES = [{"name": "tmp", "hostPath": {"path": "/fast"}}, {"name": "more", "configMap": {"name": "a"}}]


def fragment(part: Part, **fields: object) -> dict:
    """A podTemplate that changes the part's container."""
    place = "initContainers" if part.container in ("pull", "download") else "containers"
    return {"spec": {place: [{"name": part.container, **fields}]}}


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_every_field_of_a_pod_can_be_set(part):
    values = with_keys(part, {"podTemplate": {"spec": POD_FIELDS}})
    specs = pod_specs(part, values)
    assert specs
    for spec in specs:
        assert spec["affinity"]["nodeAffinity"].items() >= POD_FIELDS["affinity"]["nodeAffinity"].items()
        drain = spec["terminationGracePeriodSeconds"]
        assert drain == 7 or (part.kinds == ("LeaderWorkerSet",) and drain == 7 + 120)
        rest = {
            key: value
            for key, value in POD_FIELDS.items()
            if key not in ("affinity", "terminationGracePeriodSeconds")
        }
        assert {key: spec[key] for key in rest} == rest


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_every_field_of_a_container_can_be_set(part):
    template = merged(fragment(part, **CONTAINER_FIELDS), {"spec": {"volumes": VOLUMES}})
    for spec in pod_specs(part, with_keys(part, {"podTemplate": template})):
        (container,) = containers(part, spec)
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is False
        assert security["capabilities"] == {"drop": ["ALL"], "add": ["IPC_LOCK"]}
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert mounts.items() >= {"/tmp": "scratch", "/more": "more"}.items()
        assert len(mounts) == len(container["volumeMounts"])
        assert {"name": "NEW", "value": "a"} in container["env"]
        assert "postStart" in container["lifecycle"]
        assert container["resources"].keys() >= {"claims", "limits", "requests"}
        assert container["image"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert len(volumes) == len(spec["volumes"])
        assert [volumes["tmp"], volumes["more"]] == VOLUMES


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_containers_can_be_added(part):
    added = {"name": "sidecar", "image": "a/b:1"}
    template = {"spec": {"containers": [added], "initContainers": [added | {"name": "first"}]}}
    for spec in pod_specs(part, with_keys(part, {"podTemplate": template})):
        assert spec["containers"][-1] == added
        assert len(spec["containers"]) == 2
        assert spec["initContainers"][-1]["name"] == "first"


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_null_removes_a_field(part):
    template = {
        "spec": {"securityContext": None, "containers": [{"name": part.container, "resources": None}]}
    }
    if part.container in ("pull", "download"):
        template = {"spec": {"securityContext": None, "initContainers": template["spec"]["containers"]}}
    for spec in pod_specs(part, with_keys(part, {"podTemplate": template})):
        assert "securityContext" not in spec
        assert all("resources" not in container for container in containers(part, spec))


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_misspelt_container_is_named_with_the_known_ones(part):
    template = {"spec": {"containers": [{"name": "sevrer", "env": []}]}}
    error = render_error(part.chart, with_keys(part, {"podTemplate": template}))
    assert 'podTemplate.spec.containers: unknown container "sevrer". Use one of ' in error


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_without_a_hatch_the_pod_is_that_of_the_chart(part):
    """A fragment that changes nothing goes through the merge, and the objects are equal."""
    empty = with_keys(part, {"podTemplate": {"spec": {"containers": []}}})
    assert render(part.chart, nothing_random(part, empty)) == render(
        part.chart, nothing_random(part, part.values)
    )


def nothing_random(part: Part, values: dict) -> dict:
    key = {"model-server": "apiKey", "assessor": "apiKeys"}.get(part.chart)
    return merged(values, {key: {"existingSecret": "a"}}) if key else values


@pytest.mark.parametrize("part", WITH_ENVIRONMENT, ids=str)
def test_a_variable_replaces_that_of_the_chart_in_its_place(part):
    """Server-side apply, which Helm 4 uses, rejects two entries of one name."""
    (before, *_) = [containers(part, spec)[0].get("env", []) for spec in pod_specs(part, part.values)]
    names = [row["name"] for row in before]
    name = names[0] if names else "NEW"
    place = {"": part.path, "chart": ""}.get(part.environment, part.environment)
    keys = {"extraEnv": [{"name": name, "value": "other"}, {"name": "LAST", "value": "a"}]}
    keys["envFrom"] = [{"secretRef": {"name": "more"}}]
    for spec in pod_specs(part, with_keys(part, keys, place)):
        for container in containers(part, spec):
            after = [row["name"] for row in container["env"]]
            assert after == [*(names or [name]), "LAST"]
            assert container["env"][after.index(name)] == {"name": name, "value": "other"}
            assert container["envFrom"] == keys["envFrom"]


@pytest.mark.parametrize("part", WITH_ENVIRONMENT, ids=str)
def test_the_pod_template_is_merged_after_the_variables(part):
    place = {"": part.path, "chart": ""}.get(part.environment, part.environment)
    last = nested(part.path, {"podTemplate": fragment(part, env=[{"name": "LAST", "value": "last"}])})
    values = merged(with_keys(part, {"extraEnv": [{"name": "LAST", "value": "first"}]}, place), last)
    for spec in pod_specs(part, values):
        for container in containers(part, spec):
            assert [row["value"] for row in container["env"] if row["name"] == "LAST"] == ["last"]


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
def test_no_pod_is_without_a_hatch(chart):
    """All parts at once: each pod spec in the render is one that a podTemplate reaches."""
    parts = [
        part
        for part in PARTS
        if part.chart == chart and part.kinds not in (("LeaderWorkerSet",), ("InferenceService",))
    ]
    values: dict = {}
    for part in parts:
        if part.container not in ("pull", "download"):
            reached = {"podTemplate": {"spec": {"volumes": [{"name": "reached", "emptyDir": {}}]}}}
            values = merged(values, merged(part.values, nested(part.path, reached)))
    specs = [(place, spec) for item in render(chart, values) for place, spec in pods(item)]
    assert [place for place, spec in specs if "reached" not in [v["name"] for v in spec["volumes"]]] == []


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
def test_every_pod_template_has_its_part(chart):
    paths = {
        key.path.removesuffix("podTemplate").rstrip(".")
        for key in keys(chart)
        if key.path.endswith("podTemplate")
    }
    assert paths == {part.path for part in PARTS if part.chart == chart} - {"jobs.train"}


def keys(chart: str) -> list:
    return walk(read(chart_folder(chart) / "values.yaml"))


@pytest.mark.parametrize("part", PARTS, ids=str)
@pytest.mark.parametrize("name", ["podTemplte", "extraVolumes", "initContainers", "envfrom"])
def test_a_misspelt_key_next_to_a_hatch_is_named(part, name):
    place = "/" + part.path.replace(".", "/") if part.path else ""
    error = render_error(part.chart, with_keys(part, {name: {}}))
    assert f"at '{place}': additional properties '{name}' not allowed" in error


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_misspelt_key_at_the_top_of_a_pod_template_is_named(part):
    error = render_error(
        part.chart, with_keys(part, {"podTemplate": {"sepc": {}, "metadata": {"label": {}}}})
    )
    place = "/" + "/".join([*filter(None, part.path.split(".")), "podTemplate"])
    assert f"at '{place}': additional properties 'sepc' not allowed" in error
    assert f"at '{place}/metadata': additional properties 'label' not allowed" in error


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_labels_and_annotations_of_the_pods_can_be_set(part):
    metadata = {"labels": {"mesh": "on"}, "annotations": {"note": "a"}}
    text = yaml.safe_dump(render(part.chart, with_keys(part, {"podTemplate": {"metadata": metadata}})))
    assert "mesh: 'on'" in text
    assert "note: a" in text
