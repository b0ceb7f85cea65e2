"""The manifests build with kustomize, are valid, and keep what they promise."""

import subprocess
from functools import cache

import pytest
import yaml

from tests.charts.conftest import SCHEMAS, render, render_example, tool
from tools.charts import ROOT

MANIFESTS = ROOT / "manifests"
BUILDS = sorted(str(path.parent.relative_to(MANIFESTS)) for path in MANIFESTS.rglob("kustomization.yaml"))
SCHEMA = str(SCHEMAS / "{{.Group}}" / "{{.ResourceKind}}_{{.ResourceAPIVersion}}.json")


@cache
def built(folder: str) -> str:
    process = subprocess.run(
        [tool("kubectl"), "kustomize", str(MANIFESTS / folder)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def objects(folder: str, kind: str) -> list[dict]:
    return [item for item in yaml.safe_load_all(built(folder)) if item["kind"] == kind]


def test_all_manifests_are_found():
    assert {"cluster", "kserve/base", "kserve/overlays/small"} <= set(BUILDS)


@pytest.mark.parametrize("folder", BUILDS)
def test_every_object_is_valid_and_none_is_skipped(folder):
    command = [tool("kubeconform"), "-strict", "-summary", "-schema-location", SCHEMA]
    process = subprocess.run(command, input=built(folder), capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout
    assert "Skipped: 0" in process.stdout


def test_every_namespace_enforces_restricted_pods():
    namespaces = objects("cluster", "Namespace")
    assert [item["metadata"]["name"] for item in namespaces] == ["signalbox"]
    for item in namespaces:
        labels = item["metadata"]["labels"]
        assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "warn", "audit")} == {
            "restricted"
        }


def test_every_namespace_has_a_quota_and_defaults_for_what_it_counts():
    names = {item["metadata"]["name"] for item in objects("cluster", "Namespace")}
    for kind in ("ResourceQuota", "LimitRange"):
        assert {item["metadata"]["namespace"] for item in objects("cluster", kind)} == names
    for item in objects("cluster", "LimitRange"):
        assert item["spec"]["limits"][0]["defaultRequest"].keys() == {"cpu", "memory"}


def test_services_push_out_jobs_and_jobs_nobody():
    classes = {item["metadata"]["name"]: item for item in objects("cluster", "PriorityClass")}
    serving, batch = classes["signalbox-serving"], classes["signalbox-batch"]
    assert serving["value"] > 0 > batch["value"]
    assert batch["preemptionPolicy"] == "Never"


def test_the_jobs_have_a_quota_within_that_of_the_namespace():
    quotas = {item["metadata"]["name"]: item["spec"] for item in objects("cluster", "ResourceQuota")}
    whole, jobs = quotas["signalbox"], quotas["signalbox-batch"]
    classes = {item["metadata"]["name"] for item in objects("cluster", "PriorityClass")}
    (rule,) = jobs["scopeSelector"]["matchExpressions"]
    assert rule["scopeName"] == "PriorityClass"
    assert set(rule["values"]) <= classes
    assert "scopeSelector" not in whole
    # Of scoped resources the API server knows those of pods only; a count of Jobs would count none.
    assert jobs["hard"].keys() <= {"requests.cpu", "requests.memory", "requests.nvidia.com/gpu", "pods"}
    assert jobs["hard"].keys() <= whole["hard"].keys()
    assert all(int(jobs["hard"][key]) < int(whole["hard"][key]) for key in ("requests.cpu", "pods"))


def test_jobs_with_the_class_of_the_quota_fit_into_it():
    values = {"priorityClassName": "signalbox-batch"}
    jobs = [item["spec"]["template"]["spec"] for item in render("pipelines", values) if item["kind"] == "Job"]
    assert {pod["priorityClassName"] for pod in jobs} == {"signalbox-batch"}
    assert all({"cpu", "memory"} <= pod["containers"][0]["resources"]["requests"].keys() for pod in jobs)


@pytest.mark.parametrize("folder", [folder for folder in BUILDS if folder.startswith("kserve")])
def test_the_encoder_is_restricted_and_has_probes_requests_and_bounds(folder):
    (service,) = objects(folder, "InferenceService")
    (runtime,) = objects(folder, "ServingRuntime")
    predictor, container = service["spec"]["predictor"], runtime["spec"]["containers"][0]
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert predictor["model"]["runtime"] == runtime["metadata"]["name"]
    assert 1 <= predictor["minReplicas"] <= predictor["maxReplicas"]
    assert predictor["securityContext"]["runAsNonRoot"] is True
    assert predictor["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        **({} if folder.endswith("openshift") else {"runAsUser": 10001}),
        "seccompProfile": {"type": "RuntimeDefault"},
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert not container["image"].endswith(":latest")


def test_the_small_overlay_is_one_pod_with_less_memory():
    (small,) = objects("kserve/overlays/small", "InferenceService")
    assert small["spec"]["predictor"]["maxReplicas"] == 1
    requests = [
        objects(folder, "ServingRuntime")[0]["spec"]["containers"][0]["resources"]["requests"]["memory"]
        for folder in ("kserve/overlays/small", "kserve/base")
    ]
    assert requests == ["256Mi", "512Mi"]


def test_the_openshift_overlay_names_no_user_and_asks_for_the_constraint():
    (service,) = objects("kserve/overlays/openshift", "InferenceService")
    assert service["metadata"]["annotations"]["openshift.io/required-scc"] == "restricted-v2"
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & service["spec"]["predictor"]["securityContext"].keys()


def test_chart_and_manifest_run_the_encoder_alike():
    """The pair exists twice, for Helm and for kustomize: they may differ in names and numbers of pods only."""
    values = {"encoder": {"kserve": True}}
    (chart,) = [item for item in render("assessor", values) if item["kind"] == "ServingRuntime"]
    (manifest,) = objects("kserve/base", "ServingRuntime")
    ignored = {"imagePullPolicy"}
    mine, theirs = (
        {key: value for key, value in item["spec"]["containers"][0].items() if key not in ignored}
        for item in (chart, manifest)
    )
    assert mine == theirs


def test_an_example_calls_the_encoder_of_the_manifest():
    (service,) = objects("kserve/base", "InferenceService")
    (deployment,) = [
        item for item in render_example("assessor", "postgres-cloudnativepg") if item["kind"] == "Deployment"
    ]
    environment = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    (url,) = [item["value"] for item in environment if item["name"] == "SIGNALBOX_ENCODER_URL"]
    assert url == f"http://{service['metadata']['name']}-predictor"
