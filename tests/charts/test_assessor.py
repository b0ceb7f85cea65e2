"""The assessor's chart: what it refuses, and what its objects say."""

import ast
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from services.assessor.app import create_app
from signalbox.contracts.light import LightReason
from signalbox.settings import Settings
from tests.charts.conftest import chart_folder, pods, render, render_error
from tests.helpers import free_port
from tests.services.assessor.page_app import SLOW, SURE, make_app, serving
from tools.charts.helm import template

POSTGRES = {"database": {"type": "postgres", "postgres": {"existingSecret": "signalbox-app"}}}
SQLITE_CURE = "set replicas to 1, or database.type to postgres"
# Values that cannot work, with the key that is named and a part of the cure.
REFUSED = {
    "two pods on SQLite": ({"replicas": 2}, "replicas: 2", SQLITE_CURE),
    "autoscaling on SQLite": (
        {"autoscaling": {"enabled": True}},
        "autoscaling.enabled: true",
        "database.type to postgres",
    ),
    "no decoder": ({"decoder": {"url": ""}}, "decoder.url", "Give the base URL"),
    "no encoder": ({"encoder": {"url": ""}}, "encoder.url", "encoder.install to true"),
    "an encoder from nowhere": ({"encoder": {"install": True}}, "encoder.storageUri", "for example pvc://"),
    "Postgres without a URL": (
        {"database": {"type": "postgres"}},
        "database.postgres.existingSecret",
        "Name the Secret",
    ),
    "a URL for Postgres on SQLite": (
        {"database": {"postgres": {"url": "postgresql://h/d"}}},
        "database.type: sqlite",
        "Set database.type to postgres",
    ),
    "two URLs of Postgres": (
        {
            "database": {
                "type": "postgres",
                "postgres": {"existingSecret": "signalbox-app", "url": "postgresql://h/d"},
            }
        },
        'database.postgres.existingSecret: "signalbox-app"',
        "Keep one",
    ),
    "two keys": (
        {"decoder": {"apiKey": {"value": "k", "existingSecret": "s"}}},
        'decoder.apiKey.existingSecret: "s"',
        "Keep one",
    ),
    "two sources of thresholds": (
        {"thresholds": {"existingConfigMap": "m", "existingClaim": "c"}},
        'thresholds.existingClaim: "c"',
        "empty one of the two",
    ),
    "autoscaling with no metrics": (
        POSTGRES | {"autoscaling": {"enabled": True, "targetCPUUtilizationPercentage": None}},
        "autoscaling.metrics",
        "at least one metric",
    ),
    "more pods at least than at most": (
        POSTGRES | {"autoscaling": {"enabled": True, "minReplicas": 9}},
        "autoscaling.minReplicas: 9",
        "Raise the one or lower the other",
    ),
    "more encoders at least than at most": (
        {"encoder": {"minReplicas": 9}},
        "encoder.minReplicas: 9",
        "Raise the one or lower the other",
    ),
    "an Ingress without a host": ({"ingress": {"enabled": True}}, "ingress.host", "Give the host name"),
    "a route without a gateway": (
        {"httpRoute": {"enabled": True}},
        "httpRoute.parentRefs",
        "Name the gateway",
    ),
    "a floating tag": ({"image": {"tag": "latest"}}, 'image.tag: "latest"', "Give a version"),
    "a floating tag of the encoder": (
        {"encoder": {"image": {"tag": "latest"}}},
        "encoder.image.tag",
        "Give a version",
    ),
    "a kind of database that is not known": ({"database": {"type": "mysql"}}, "/database/type", "'sqlite'"),
    "a URL without a scheme": ({"decoder": {"url": "llama:8080"}}, "/decoder/url", "pattern"),
}


def one(objects: list[dict], kind: str) -> dict:
    (found,) = [item for item in objects if item["kind"] == kind]
    return found


def deployment(values: dict | None = None) -> dict:
    return one(render("assessor", values), "Deployment")


def container(values: dict | None = None) -> dict:
    return deployment(values)["spec"]["template"]["spec"]["containers"][0]


@pytest.fixture
def notes(tmp_path):
    """What helm says after an installation. `helm template` leaves it out, so a copy of the chart includes it."""
    chart = tmp_path / "assessor"
    shutil.copytree(chart_folder("assessor"), chart)
    (chart / "templates" / "notes.yaml").write_text(
        'kind: Notes\ntext: |\n{{ include (print $.Template.BasePath "/NOTES.txt") . | indent 2 }}\n',
        encoding="utf-8",
    )

    def said(values: dict) -> str:
        done = template(chart, values=yaml.safe_dump(values))
        assert done.returncode == 0, done.stderr
        return one(list(yaml.safe_load_all(done.stdout)), "Notes")["text"]

    return said


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_with_key_value_and_cure(case):
    values, key, cure = REFUSED[case]
    error = render_error("assessor", values)
    assert key in error
    assert cure in error


@pytest.mark.parametrize(("values", "pods"), [({}, 1), (POSTGRES, 2), (POSTGRES | {"replicas": 5}, 5)])
def test_the_number_of_pods_follows_the_database(values, pods):
    assert deployment(values)["spec"]["replicas"] == pods


def test_an_autoscaled_deployment_leaves_the_number_of_pods_to_the_autoscaler():
    objects = render("assessor", POSTGRES | {"autoscaling": {"enabled": True}})
    assert "replicas" not in one(objects, "Deployment")["spec"]
    assert one(objects, "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2


def test_two_writers_of_one_file_never_run_at_once():
    assert deployment()["spec"]["strategy"] == {"type": "Recreate"}
    assert deployment(POSTGRES)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_file_of_sqlite_lies_on_a_claim_that_outlives_the_release():
    objects = render("assessor")
    claim = one(objects, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    spec = one(objects, "Deployment")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["state"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    mounts = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
    environment = {item["name"]: item.get("value") for item in spec["containers"][0]["env"]}
    assert environment["SIGNALBOX_DATABASE_URL"] == f"sqlite:///{mounts['state']}/signalbox.db"


def test_every_variable_of_the_pod_is_a_setting_and_reads_as_one(monkeypatch):
    values = {"records": {"retentionDays": 30}, "decoder": {"apiKey": {"value": "k"}}}
    environment = {item["name"]: item.get("value", "k") for item in container(values)["env"]}
    assert environment.pop("HOME") == "/tmp"
    known = {f"SIGNALBOX_{name.upper()}" for name in Settings.model_fields}
    assert environment.keys() <= known
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.host == "0.0.0.0"
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


@pytest.mark.parametrize("seconds", [0.5, 60, 300])
def test_a_pod_has_time_to_finish_the_longest_answer(seconds):
    spec = deployment({"decoder": {"timeoutSeconds": seconds}})["spec"]["template"]["spec"]
    sleep = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] > sleep + seconds


def test_keys_are_never_in_the_pod_itself():
    secret = {
        "decoder": {"apiKey": {"value": "sk-plain"}},
        "database": {"type": "postgres", "postgres": {"url": "postgresql://u:pw@h/d"}},
    }
    objects = render("assessor", secret)
    assert one(objects, "Secret")["stringData"] == {
        "decoder-api-key": "sk-plain",
        "database-url": "postgresql://u:pw@h/d",
    }
    rest = yaml.safe_dump([item for item in objects if item["kind"] != "Secret"])
    assert "sk-plain" not in rest
    assert "pw@" not in rest


def test_a_changed_key_starts_new_pods():
    def checksum(key: str) -> str:
        made = deployment({"decoder": {"apiKey": {"value": key}}})
        return made["spec"]["template"]["metadata"]["annotations"]["checksum/secret"]

    assert checksum("a") != checksum("b")


def test_no_secret_is_made_for_one_that_exists():
    values = POSTGRES | {"decoder": {"apiKey": {"existingSecret": "key"}}}
    objects = render("assessor", values)
    assert [item for item in objects if item["kind"] == "Secret"] == []
    environment = {
        item["name"]: item
        for item in one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    named = [
        environment[name]["valueFrom"]["secretKeyRef"]
        for name in ("SIGNALBOX_DECODER_API_KEY", "SIGNALBOX_DATABASE_URL")
    ]
    assert named == [{"name": "key", "key": "api-key"}, {"name": "signalbox-app", "key": "uri"}]


@pytest.mark.parametrize(
    "values",
    [
        {"decoder": {"apiKey": {"value": "sk-plain"}}},
        {"database": {"type": "postgres", "postgres": {"url": "postgresql://u:sk-plain@h/d"}}},
    ],
)
def test_a_key_in_plain_text_is_warned_of_and_not_repeated(notes, values):
    said = notes(values)
    assert "WARNING" in said
    assert "plain text" in said
    assert "sk-plain" not in said


def test_the_notes_say_how_to_reach_it_what_runs_and_what_may_go_wrong(notes):
    said = notes({})
    for part in ("port-forward service/x-assessor", "/v1/assess", "database     sqlite", "One pod on SQLite"):
        assert part in said
    assert "WARNING" not in said
    assert "One pod on SQLite" not in notes(POSTGRES)


def test_the_assessor_calls_the_encoder_that_it_installs():
    objects = render("assessor", {"encoder": {"install": True, "storageUri": "pvc://c/p"}})
    service, runtime = one(objects, "InferenceService"), one(objects, "ServingRuntime")
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert service["spec"]["predictor"]["model"]["runtime"] == runtime["metadata"]["name"]
    environment = {
        item["name"]: item.get("value")
        for item in one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    }
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
    # A file that is mounted by itself never changes; a calibration must be seen without a restart.
    assert "subPath" not in mounts["thresholds"]


def test_the_registry_of_every_image_can_be_replaced():
    values = {
        "global": {"imageRegistry": "mirror.example.org"},
        "encoder": {"install": True, "storageUri": "pvc://c/p"},
    }
    images = [
        item["image"]
        for document in render("assessor", values)
        for _, pod in pods(document)
        for item in pod["containers"]
    ]
    assert len(images) == 3
    assert all(re.fullmatch(r"mirror\.example\.org/signalbox/[a-z]+:0\.1\.0", image) for image in images)


def test_the_helm_test_asks_the_service_and_knows_every_reason_for_no_answer():
    pod = one(render("assessor"), "Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    script = pod["spec"]["containers"][0]["command"][2]
    (reasons,) = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Set)]
    assert set(ast.literal_eval(reasons)) == {
        reason.value
        for reason in (
            LightReason.TIMEOUT,
            LightReason.UNAVAILABLE,
            LightReason.REJECTED,
            LightReason.UNPARSABLE,
        )
    }


@pytest.fixture
def helm_test(tmp_path):
    """Run what the pod of `helm test` runs against the real assessor over models that answer from a table."""
    with serving(make_app(tmp_path), free_port()) as url:

        def run(text: str) -> subprocess.CompletedProcess[str]:
            container = one(render("assessor", {"test": {"text": text}}), "Pod")["spec"]["containers"][0]
            environment = {item["name"]: item["value"] for item in container["env"]}
            environment["ASSESSOR"] = url.removeprefix("http://")
            _, *arguments = container["command"]
            command = [sys.executable, *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        yield run


def test_the_helm_test_passes_when_both_models_answer(helm_test):
    done = helm_test(SURE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["encoder: yellow, provisional", "decoder: yellow, provisional"]


def test_the_helm_test_fails_when_a_model_gives_no_answer(helm_test):
    done = helm_test(SLOW)
    assert done.returncode == 1
    assert done.stderr.startswith("encoder: no answer, timeout")


def test_the_helm_test_fails_with_what_the_assessor_refuses(helm_test):
    done = helm_test("x" * 9000)
    assert done.returncode == 1
    assert "HTTP 4" in done.stderr
