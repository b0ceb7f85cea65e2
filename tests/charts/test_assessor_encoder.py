"""The encoder of the assessor's chart, with and without KServe, and charts with one model only."""

import pytest

from signalbox.settings import Settings
from tests.charts.assessor_chart import container, variables
from tests.charts.conftest import one, pod_of, render, render_error

NAME = "x-assessor-encoder"


def kinds(objects: list[dict], name: str = NAME) -> set[str]:
    return {item["kind"] for item in objects if item["metadata"]["name"] == name}


def encoder(values: dict | None = None) -> dict:
    return one(render("assessor", {"encoder": values or {}}), "Deployment", NAME)


def encoder_url(values: dict) -> str | None:
    return variables(container({"encoder": values}))["SIGNALBOX_ENCODER_URL"]


def test_without_kserve_the_encoder_is_a_deployment_that_the_assessor_calls():
    objects = render("assessor")
    assert kinds(objects) == {"Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget"}
    assert not {item["kind"] for item in objects} & {"InferenceService", "ServingRuntime"}
    service, deployment = one(objects, "Service", NAME), one(objects, "Deployment", NAME)
    pod = deployment["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    (port,) = service["spec"]["ports"]
    ports = {port["name"]: port["containerPort"] for port in pod_of(deployment)["containers"][0]["ports"]}
    assert ports[port["targetPort"]] == 8080
    assert encoder_url({}) == f"http://{NAME}.models.svc"
    assert encoder_url({"port": 8080}) == f"http://{NAME}.models.svc:8080"


def test_both_kinds_run_the_same_predictor():
    runtime = one(render("assessor", {"encoder": {"kserve": True}}), "ServingRuntime")["spec"]["containers"][
        0
    ]
    plain = pod_of(encoder())["containers"][0]
    for key in (
        "image",
        "command",
        "ports",
        "env",
        "startupProbe",
        "livenessProbe",
        "readinessProbe",
        "resources",
    ):
        assert plain[key] == runtime[key]
    assert plain["args"][1:] == runtime["args"][1:]


@pytest.mark.parametrize(
    ("uri", "claim", "folder"),
    [
        ("pvc://pipelines/releases", "pipelines", "/mnt/models/releases"),
        ("pvc://state/releases/encoder-v1/", "state", "/mnt/models/releases/encoder-v1"),
        ("pvc://release", "release", "/mnt/models"),
    ],
)
def test_the_pod_mounts_the_claim_of_the_uri_and_waits_for_its_release(uri, claim, folder):
    pod = pod_of(encoder({"storageUri": uri}))
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["release"]["persistentVolumeClaim"] == {"claimName": claim}
    (waiting,) = pod["initContainers"]
    assert waiting["command"] == ["python", "-m", "services.encoder.wait"]
    for each in (waiting, pod["containers"][0]):
        assert f"--release-dir={folder}" in each["args"]
        mounts = {mount["name"]: mount for mount in each["volumeMounts"]}
        assert mounts["release"] == {"name": "release", "mountPath": "/mnt/models", "readOnly": True}
        assert each["image"] == "signalbox/encoder:0.1.0"


def test_an_encoder_on_a_volume_needs_no_egress_and_one_on_kserve_downloads():
    policy = one(render("assessor"), "NetworkPolicy", NAME)["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy
    kserve = one(render("assessor", {"encoder": {"kserve": True}}), "NetworkPolicy", NAME)["spec"]
    assert kserve["policyTypes"] == ["Ingress"]


def test_one_pod_stays_near_the_assessor_and_several_are_spread():
    """tests/charts/test_claim_nodes.py covers which node that is."""
    single = pod_of(encoder({}))
    assert "podAffinity" in single["affinity"]
    assert "topologySpreadConstraints" not in single
    spread = pod_of(encoder({"minReplicas": 2, "maxReplicas": 2}))
    assert "affinity" not in spread
    assert spread["topologySpreadConstraints"]


def test_the_number_of_encoders_is_fixed_unless_the_maximum_is_greater():
    assert encoder({"minReplicas": 2, "maxReplicas": 2})["spec"]["replicas"] == 2
    values = {"minReplicas": 2, "maxReplicas": 4, "scaleTarget": 60}
    assert "replicas" not in encoder(values)["spec"]
    scaler = one(render("assessor", {"encoder": values}), "HorizontalPodAutoscaler", NAME)["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 4)
    assert scaler["metrics"][0]["resource"]["target"]["averageUtilization"] == 60


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, f"http://{NAME}-predictor.models.svc"),
        ({"port": 8080}, f"http://{NAME}-predictor.models.svc:8080"),  # headless predictors
        ({"url": "https://encoder.example.org"}, "https://encoder.example.org"),
    ],
)
def test_the_address_of_a_predictor_on_kserve(values, url):
    values = {"kserve": True, "storageUri": "s3://bucket/release", **values}
    assert encoder_url(values) == url
    objects = render("assessor", {"encoder": values})
    assert kinds(objects) == {"ServingRuntime", "InferenceService", "NetworkPolicy", "PodDisruptionBudget"}


@pytest.mark.parametrize(
    "values", [{"url": "http://encoder-predictor"}, {"install": False, "url": "http://encoder-predictor"}]
)
def test_with_a_url_no_encoder_is_installed(values):
    assert encoder_url(values) == "http://encoder-predictor"
    assert kinds(render("assessor", {"encoder": values})) == set()


def test_a_cluster_without_kserve_is_named_with_the_oldest_version_that_works():
    pod_api = ("--api-versions", "v1/Pod")  # a cluster lists kinds; helm without a cluster does not
    values = {"encoder": {"kserve": True}}
    error = render_error("assessor", values, *pod_api)
    assert "encoder.kserve: true, but the cluster has no serving.kserve.io/v1beta1." in error
    assert "Install KServe 0.16 or later, or set encoder.kserve to false" in error
    kserve = ("--api-versions", "serving.kserve.io/v1beta1/InferenceService")
    assert one(render("assessor", values, *pod_api, *kserve), "InferenceService")
    assert render("assessor", {}, *pod_api)


ONLY = {"encoder": {"decoder": {"enabled": False}}, "decoder": {"encoder": {"enabled": False}}}


@pytest.mark.parametrize("model", ["encoder", "decoder"])
def test_a_release_with_one_model_offers_its_route_and_tests_it(model, monkeypatch):
    objects = render("assessor", ONLY[model])
    for name, value in variables(container(ONLY[model])).items():
        if value is not None:
            monkeypatch.setenv(name, value)
    assert Settings().routes == (model,)
    test = pod_of_test(objects)
    assert test["MODELS"] == model
    assert kinds(objects) == (
        {"Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget"} if model == "encoder" else set()
    )


def pod_of_test(objects: list[dict]) -> dict[str, str | None]:
    return variables(one(objects, "Pod")["spec"]["containers"][0])


@pytest.mark.parametrize(
    ("values", "models"),
    [
        ({}, "encoder decoder"),
        (ONLY["encoder"] | {"helmTest": {"models": ["cascade"]}}, "encoder"),
        (ONLY["decoder"] | {"helmTest": {"models": ["encoder", "cascade"]}}, "decoder"),
        ({"helmTest": {"models": ["cascade"]}}, "cascade"),
    ],
)
def test_the_helm_test_queries_enabled_models_only(values, models):
    assert pod_of_test(render("assessor", values))["MODELS"] == models


def test_without_a_decoder_no_url_and_no_key_of_one_is_needed():
    values = {"decoder": {"enabled": False, "url": ""}}
    assert "SIGNALBOX_DECODER_API_KEY" not in variables(container(values))
    assert "SIGNALBOX_DECODER_API_KEY" in variables(container())


def test_the_notes_say_what_the_encoder_waits_for_and_which_routes_exist(notes):
    waiting = notes({}, "assessor")
    assert "PersistentVolumeClaim pipelines and for a release in its folder releases" in waiting
    assert f"logs deployment/{NAME} --container wait-for-release" in waiting
    assert "only the route decoder exists" in notes(ONLY["decoder"], "assessor")
    assert "only the route encoder exists" in notes(ONLY["encoder"], "assessor")
    assert "needs KServe 0.16 or later" in notes({"encoder": {"kserve": True}}, "assessor")


def test_an_installed_encoder_may_be_untrained_when_helm_tests_the_release():
    assert pod_of_test(render("assessor"))["MAY_WAIT"] == "encoder"
    assert pod_of_test(render("assessor", {"encoder": {"url": "http://e"}}))["MAY_WAIT"] == ""
