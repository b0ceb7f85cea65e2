"""Objects of the assessor's chart."""

import re

import pytest

from services.assessor.app import create_app
from signalbox.settings import Settings
from tests.charts.assessor_chart import container, deployment, variables
from tests.charts.conftest import POSTGRES, one, pod_of, pods, render


@pytest.mark.parametrize(("values", "pods"), [({}, 1), (POSTGRES, 2), (POSTGRES | {"replicas": 5}, 5)])
def test_the_number_of_pods_follows_the_database(values, pods):
    assert deployment(values)["spec"]["replicas"] == pods


def test_an_autoscaled_deployment_leaves_the_number_of_pods_to_the_autoscaler():
    objects = render("assessor", POSTGRES | {"autoscaling": {"enabled": True}})
    assert "replicas" not in one(objects, "Deployment", "x-assessor")["spec"]
    assert one(objects, "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2


def test_two_writers_of_one_file_never_run_at_once():
    assert deployment()["spec"]["strategy"] == {"type": "Recreate"}
    assert deployment(POSTGRES)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def state_volume(values: dict) -> dict:
    volumes = pod_of(deployment(values))["volumes"]
    return next(volume for volume in volumes if volume["name"] == "state")


def test_without_persistence_the_file_of_sqlite_ends_with_the_pod():
    values = {"persistence": {"enabled": False, "size": "2Gi"}}
    assert state_volume(values) == {"name": "state", "emptyDir": {"sizeLimit": "2Gi"}}
    assert [item for item in render("assessor", values) if item["kind"] == "PersistentVolumeClaim"] == []


def test_a_claim_is_retained_unless_the_values_disable_it():
    claim = one(render("assessor", {"persistence": {"retain": False}}), "PersistentVolumeClaim")
    assert "annotations" not in claim["metadata"]


def test_postgres_needs_no_claim():
    assert "persistentVolumeClaim" not in state_volume(POSTGRES)
    assert [item for item in render("assessor", POSTGRES) if item["kind"] == "PersistentVolumeClaim"] == []


def test_topology_spread_constraints_select_the_pods_of_the_assessor():
    labels = deployment()["spec"]["selector"]["matchLabels"]
    for constraint in pod_of(deployment())["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == labels
    assert "topologySpreadConstraints" not in pod_of(deployment({"topologySpreadConstraints": []}))


def test_pull_secrets_of_an_image_are_added_to_those_of_all_images():
    values = {"global": {"imagePullSecrets": [{"name": "all"}]}, "image": {"pullSecrets": ["own"]}}
    assert pod_of(deployment(values))["imagePullSecrets"] == [{"name": "all"}, {"name": "own"}]


def test_the_file_of_sqlite_is_on_a_claim_that_outlives_the_release():
    objects = render("assessor")
    claim = one(objects, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    spec = pod_of(one(objects, "Deployment", "x-assessor"))
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["state"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    mounts = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
    environment = variables(spec["containers"][0])
    assert environment["SIGNALBOX_DATABASE_URL"] == f"sqlite:///{mounts['state']}/signalbox.db"


def test_every_variable_of_the_pod_is_a_setting_and_reads_as_one(monkeypatch):
    values = {"records": {"retentionDays": 30}, "decoder": {"apiKey": {"value": "k"}}}
    environment = {item["name"]: item.get("value", "k") for item in container(values)["env"]}
    assert environment.pop("HOME") == "/tmp"
    settings_variables = {f"SIGNALBOX_{name.upper()}" for name in Settings.model_fields}
    assert environment.keys() <= settings_variables
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.host == "::"
    assert settings.store_url == "sqlite:////var/lib/signalbox/signalbox.db"
    assert settings.retention_days == 30
    assert settings.decoder_base_url == "http://model-server/v1"


def test_probes_and_metrics_are_routes_of_the_assessor():
    routes = set(create_app(Settings()).openapi()["paths"])
    pod = container()
    asked = {pod[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    monitor = one(render("assessor", {"serviceMonitor": {"enabled": True}}), "ServiceMonitor")
    asked |= {endpoint["path"] for endpoint in monitor["spec"]["endpoints"]}
    assert asked == {"/healthz", "/readyz", "/metrics"}
    assert asked <= routes


@pytest.mark.parametrize("kserve", [False, True])
def test_the_monitor_of_the_encoder_selects_its_pods_at_a_port_that_they_have(kserve):
    values = {"encoder": {"kserve": kserve}, "serviceMonitor": {"enabled": True, "labels": {"release": "p"}}}
    objects = render("assessor", values)
    monitor = one(objects, "PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "p"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    selector = monitor["spec"]["selector"]["matchLabels"]
    if kserve:  # KServe labels its pods with the name of the InferenceService
        assert selector == {
            "serving.kserve.io/inferenceservice": one(objects, "InferenceService")["metadata"]["name"]
        }
        pods = one(objects, "ServingRuntime")["spec"]["containers"]
    else:
        (encoder,) = (
            item for item in objects if item["kind"] == "Deployment" and "encoder" in item["metadata"]["name"]
        )
        assert selector.items() <= encoder["spec"]["template"]["metadata"]["labels"].items()
        pods = encoder["spec"]["template"]["spec"]["containers"]
    assert endpoint["port"] in {port["name"] for pod in pods for port in pod["ports"]}


@pytest.mark.parametrize(
    "values", [{"encoder": {"enabled": False}}, {"encoder": {"url": "http://elsewhere"}}]
)
def test_without_an_encoder_of_its_own_the_chart_monitors_none(values):
    assert not [
        item
        for item in render("assessor", values | {"serviceMonitor": {"enabled": True}})
        if item["kind"] == "PodMonitor"
    ]


@pytest.mark.parametrize("seconds", [0.5, 60, 300])
def test_a_pod_has_time_to_finish_the_longest_answer(seconds):
    spec = pod_of(deployment({"decoder": {"timeoutSeconds": seconds}}))
    sleep = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] > sleep + seconds


def test_the_assessor_calls_the_encoder_that_it_installs_on_kserve():
    objects = render("assessor", {"encoder": {"kserve": True}})
    service, runtime = one(objects, "InferenceService"), one(objects, "ServingRuntime")
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert service["spec"]["predictor"]["model"]["runtime"] == runtime["metadata"]["name"]
    environment = variables(pod_of(one(objects, "Deployment", "x-assessor"))["containers"][0])
    # Standard mode serves an InferenceService at <name>-predictor.
    assert (
        environment["SIGNALBOX_ENCODER_URL"] == f"http://{service['metadata']['name']}-predictor.models.svc"
    )


def test_thresholds_are_mounted_where_the_assessor_looks():
    mounts = {
        mount["name"]: mount
        for mount in container({"thresholds": {"existingConfigMap": "t"}})["volumeMounts"]
    }
    assert (
        mounts["thresholds"]["mountPath"]
        == f"{mounts['state']['mountPath']}/{Settings().thresholds_dir.name}"
    )
    # A single mounted file is never updated, and a calibration must apply without a restart.
    assert "subPath" not in mounts["thresholds"]


def test_thresholds_on_a_claim_may_be_missing_until_the_first_calibration():
    """The claim is mounted as a whole: a subPath would keep the pod from starting while it does not exist."""
    pod = container({"thresholds": {"existingClaim": "pipelines", "claimPath": "thresholds"}})
    (mount,) = [mount for mount in pod["volumeMounts"] if mount["name"] == "thresholds"]
    assert mount["readOnly"]
    assert "subPath" not in mount
    path = variables(pod)["SIGNALBOX_THRESHOLDS_PATH"]
    assert str(Settings(thresholds_path=path).thresholds_dir) == f"{mount['mountPath']}/thresholds"
    assert "SIGNALBOX_THRESHOLDS_PATH" not in variables(container())


@pytest.mark.parametrize("kserve", [True, False])
def test_the_registry_of_every_image_can_be_replaced(kserve):
    values = {
        "global": {"imageRegistry": "mirror.example.org"},
        "encoder": {"kserve": kserve},
    }
    images = [
        item["image"]
        for document in render("assessor", values)
        for _, pod in pods(document)
        for item in pod["containers"]
    ]
    assert len(images) == 3
    assert all(re.fullmatch(r"mirror\.example\.org/signalbox/[a-z]+:0\.1\.0", image) for image in images)


def test_the_page_of_the_planner_is_off_unless_the_values_enable_it(notes):
    assert not [name for name in variables(container()) if name.startswith("SIGNALBOX_PLAN")]
    values = {"plan": {"enabled": True, "timeoutSeconds": 7.5}}
    own = variables(container(values))
    assert (own["SIGNALBOX_PLAN_ENABLED"], own["SIGNALBOX_PLAN_SECONDS"]) == ("true", "7.5")
    assert "/plan" in notes(values, "assessor")
    assert "/plan" not in notes({}, "assessor")
