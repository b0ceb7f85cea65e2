"""What charts/model-server renders for OpenShift names no user or group, and needs none: its projects give each pod a random one."""

import pytest
import yaml

from tests.charts.conftest import EXAMPLES, example_file, pods, render, render_error
from tests.charts.test_engines import ENGINES
from tests.charts.test_pod_security import broken, excepted

CHART = "model-server"
MINE = [example for chart, example in EXAMPLES if chart == CHART]
GIVEN = {"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"}
KSERVE = {"kserve": {"enabled": True}}


def on_openshift(example: str, more: dict | None = None) -> list[dict]:
    values = yaml.safe_load(example_file(CHART, example).read_text(encoding="utf-8"))
    return render(CHART, values | (more or {}) | {"openshift": True})


def keys(node) -> set[str]:
    if isinstance(node, dict):
        return node.keys() | {key for value in node.values() for key in keys(value)}
    return {key for item in node for key in keys(item)} if isinstance(node, list) else set()


def annotations(node) -> list[str]:
    """The constraints that are asked for, one for each pod template that does."""
    if isinstance(node, dict):
        own = [node["openshift.io/required-scc"]] if "openshift.io/required-scc" in node else []
        return own + [name for value in node.values() for name in annotations(value)]
    return [name for item in node for name in annotations(item)] if isinstance(node, list) else []


@pytest.mark.parametrize(("example", "more"), [*((name, {}) for name in MINE), ("llama-3.1-8b-l4", KSERVE)])
def test_no_pod_names_a_user_and_all_else_is_restricted(example, more):
    objects = on_openshift(example, more)
    specs = [(item["kind"], place, pod) for item in objects for place, pod in pods(item)]
    assert [place for _, place, pod in specs if keys(pod) & GIVEN] == []
    rules = [(place, *rule) for kind, place, pod in specs for rule in broken(kind, pod)]
    assert [rule for rule in rules if not excepted(CHART, *rule)] == []
    assert annotations(objects) == ["restricted-v2"] * len(specs)


@pytest.mark.parametrize("example", MINE)
def test_the_home_of_a_user_without_an_entry_in_passwd_can_be_written_to(example):
    """Its home would be `/`. The pod of `helm test` keeps nothing."""
    servers = [pod for item in on_openshift(example) if item["kind"] != "Pod" for _, pod in pods(item)]
    for container in (c for pod in servers for c in pod["containers"] + pod.get("initContainers", [])):
        homes = [row["value"] for row in container["env"] if row["name"] == "HOME"]
        writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert len(homes) == 1
        assert set(homes) <= writable


def test_the_engines_that_import_torch_have_a_name_for_their_user():
    assert {name for name, row in ENGINES.items() if "USER" in str(row["env"])} == {
        "vllm",
        "sglang",
        "tgi",
        "nim",
    }


def test_elsewhere_the_images_user_is_named():
    users = [pod["securityContext"]["runAsUser"] for item in render(CHART) for _, pod in pods(item)]
    assert users == [10001, 10001]


def test_an_image_that_requires_root_is_rejected_until_another_is_named(notes):
    values = {"engine": "tgi", "gpu": {"product": "H100"}}
    problem = "image.repository: is required, because the official TGI image keeps its Python below /root"
    assert problem in render_error(CHART, values)
    assert f"WARNING: {problem}" in notes(values | {"capacity": {"enforce": "warn"}})
    for image in ({"repository": "us/tgi", "tag": "3.3.5"}, {"digest": f"sha256:{'0' * 64}"}):
        assert "WARNING" not in notes(values | {"image": image})
    assert render(CHART, values | {"engines": {"tgi": {"image": {"repository": "us/tgi"}}}})
