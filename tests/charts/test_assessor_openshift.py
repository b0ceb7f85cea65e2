"""On OpenShift, pods of the assessor and the pipelines set no user, and their programs need no user name."""

import subprocess
import sys

import httpx2
import pytest
import yaml

from local.processes import Service, Supervisor
from tests.charts.assessor_chart import container, variables
from tests.charts.conftest import EXAMPLES, example_file, one, pods, render
from tests.charts.pipelines_chart import ALL_JOBS
from tests.charts.test_pod_security import broken
from tests.helpers import free_port

USERS = {"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"}
CONSTRAINT = {"openshift.io/required-scc": "restricted-v2"}
MINE = [(chart, example) for chart, example in EXAMPLES if chart in ("assessor", "pipelines")]
# Not in any example: every job, and the exporter of their metrics.
REST = [("pipelines", ALL_JOBS | {"metrics": {"enabled": True}})]


def values_of(chart, example):
    return yaml.safe_load(example_file(chart, example).read_text(encoding="utf-8"))


def keys(node) -> set[str]:
    """Every key below a node."""
    if isinstance(node, dict):
        return node.keys() | {key for value in node.values() for key in keys(value)}
    return {key for item in node for key in keys(item)} if isinstance(node, list) else set()


def annotated(node) -> int:
    """How many objects and pod templates below a node request the constraint."""
    if isinstance(node, dict):
        own = CONSTRAINT.items() <= (node.get("annotations") or {}).items()
        return own + sum(annotated(value) for value in node.values())
    return sum(annotated(item) for item in node) if isinstance(node, list) else 0


CASES = [*((chart, values_of(chart, example)) for chart, example in MINE), *REST]


@pytest.mark.parametrize(("chart", "values"), CASES)
def test_no_pod_sets_a_user_and_every_pod_requests_the_constraint(chart, values):
    objects = render(chart, values | {"openshift": True})
    assert keys(objects) & USERS == set()
    # Of the encoder's two objects, KServe copies the annotations of the InferenceService.
    objects_with_pods = [
        item
        for item in objects
        if item["kind"] != "ServingRuntime" and keys(item) & {"containers", "predictor"}
    ]
    assert annotated(objects) == len(objects_with_pods)


@pytest.mark.parametrize(("chart", "values"), CASES)
def test_all_other_security_settings_stay(chart, values):
    def rules(openshift: bool) -> list:
        objects = render(chart, values | {"openshift": openshift})
        return [
            (place, *rule)
            for item in objects
            for place, pod in pods(item)
            for rule in broken(item["kind"], pod)
        ]

    assert rules(True) == rules(False)


@pytest.mark.parametrize("chart", ["assessor", "pipelines"])
def test_without_openshift_every_pod_sets_the_user_of_the_image(chart):
    contexts = [pod["securityContext"] for item in render(chart) for _, pod in pods(item)]
    assert {(own["runAsUser"], own["runAsGroup"], own["fsGroup"]) for own in contexts} == {
        (10001, 10001, 10001)
    }
    assert "restricted-v2" not in yaml.safe_dump(render(chart))


def test_a_constraint_in_the_values_takes_precedence():
    values = {"openshift": True, "podAnnotations": {"openshift.io/required-scc": "nonroot-v2"}}
    deployment = one(render("assessor", values), "Deployment", "x-assessor")
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations["openshift.io/required-scc"] == "nonroot-v2"


@pytest.mark.slow
def test_the_assessor_starts_as_a_user_without_a_name(nameless, tmp_path):
    pod = container({"openshift": True, "apiKeys": {"enabled": False}})
    port = free_port()
    here = {"SIGNALBOX_HOST": "127.0.0.1", "SIGNALBOX_ASSESSOR_PORT": str(port)}
    pod_variables = {
        name: (value or "").replace("/var/lib", str(tmp_path)) for name, value in variables(pod).items()
    }
    service = Service(
        name="assessor",
        command=(*nameless, sys.executable, "-m", "services.assessor"),
        host="127.0.0.1",
        port=port,
        ready_path=pod["livenessProbe"]["httpGet"]["path"],
        port_setting="",
        environment={**pod_variables, **here},
        ready_seconds=120,
    )
    (tmp_path / "signalbox").mkdir()
    with Supervisor(tmp_path / "logs") as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        assert "<form" in httpx2.get(service.url).text


def test_a_nameless_user_is_one(nameless):
    script = "import os, pwd; pwd.getpwuid(os.getuid())"
    done = subprocess.run(
        [*nameless, sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "uid not found: 1000650000" in done.stderr
