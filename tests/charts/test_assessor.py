"""The assessor's chart: what it refuses, and what its objects say."""

import ast
import json
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

import pytest
import yaml

from services.assessor.app import create_app
from signalbox import keys
from signalbox.contracts.light import LightReason
from signalbox.settings import Settings
from tests.charts.conftest import chart_folder, example_file, pods, render, render_error
from tests.charts.test_kubeconform import assert_known
from tests.helpers import answering, free_port, running_postgres
from tests.services.assessor.page_app import SLOW, SURE, clients, make_app, serving
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
    "clients of a Secret that nobody asks for": (
        {"apiKeys": {"enabled": False, "existingSecret": "s"}},
        'apiKeys.existingSecret: "s"',
        "Set apiKeys.enabled to true",
    ),
    "a limit beside a Secret of one's own": (
        {"apiKeys": {"existingSecret": "s", "requestsPerMinute": 5}},
        "apiKeys.requestsPerMinute: 5",
        "into the clients file",
    ),
    "a limit of none": ({"apiKeys": {"requestsPerMinute": 0}}, "/apiKeys/requestsPerMinute", "minimum"),
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


def named(objects: list[dict], kind: str, name: str) -> dict:
    (found,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)]
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
    assert named(objects, "Secret", "x-assessor")["stringData"] == {
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
    values = POSTGRES | {"decoder": {"apiKey": {"existingSecret": "key"}}, "apiKeys": {"existingSecret": "c"}}
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


def test_the_notes_call_with_the_key_and_say_how_to_read_it(notes):
    said = notes({})
    (reading,) = [line for line in said.splitlines() if "KEY=" in line]
    assert "get secret x-assessor-keys -o jsonpath='{.data.api-key}' | base64 -d" in reading
    (call,) = [line for line in said.splitlines() if "curl http://127.0.0.1:8080/v1/assess" in line]
    assert '-H "Authorization: Bearer $KEY"' in call
    assert said.index(reading) < said.index(call)
    assert "get secret" not in notes({"apiKeys": {"existingSecret": "s"}})


def test_the_first_call_in_the_notes_is_answered(notes, tmp_path):
    """Run as it stands there, but for the port; a stand-in for kubectl reads the Secret that the chart makes."""
    text = 'The "aid" isn\'t needed.'
    values = {"test": {"text": text}}
    secret = named(render("assessor", values), "Secret", "x-assessor-keys")["stringData"]
    file = tmp_path / "clients.yaml"
    file.write_text(secret["clients.yaml"], encoding="utf-8")
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\nprintf %s {secret['api-key']} | base64 -w0\n", encoding="utf-8")
    kubectl.chmod(0o700)
    lines = [line for line in notes(values).splitlines() if line.startswith(("  KEY=", "  curl "))]
    models = clients()
    with serving(make_app(tmp_path, models=models, api_keys_file=file), free_port()) as url:
        script = "\n".join(lines).replace("http://127.0.0.1:8080", url)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(
            ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
        )
    assert json.loads(done.stdout)["predictions"][0]["light"]["colour"] == "yellow"
    assert models["encoder"].asked == [(text, "en")]


def test_the_notes_warn_of_an_assessor_that_asks_for_no_key(notes):
    said = notes({"apiKeys": {"enabled": False}})
    assert "WARNING: apiKeys.enabled is false" in said
    assert "Bearer" not in said
    assert "Keep it inside the cluster" in said
    outside = {"ingress": {"enabled": True, "host": "h.example.org"}}
    assert "gateway authenticate" in notes({"apiKeys": {"enabled": False}} | outside)
    assert "/metrics asks for no key" in notes(outside)
    assert "plain HTTP" in notes(outside)


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


# --- keys of the clients ----------------------------------------------------------------------------------


def test_the_generated_clients_file_admits_the_generated_key_and_no_other():
    first, second = (
        named(render("assessor", {"apiKeys": {"requestsPerMinute": 60}}), "Secret", "x-assessor-keys")
        for _ in range(2)
    )
    (entry,) = keys.parse(first["stringData"]["clients.yaml"])
    assert keys.find([entry], first["stringData"]["api-key"]) == entry
    assert keys.find([entry], second["stringData"]["api-key"]) is None
    assert (entry.client, entry.requests_per_minute) == ("default", 60)
    assert first["stringData"]["api-key"].startswith(keys.PREFIX)
    assert first["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


class Cluster(BaseHTTPRequestHandler):
    """As much of an API server as helm's `lookup` of a Secret asks for."""

    secrets: ClassVar = {"name": "secrets", "namespaced": True, "kind": "Secret", "verbs": ["get"]}
    kept: ClassVar = {"api-key": b64encode(b"signalbox_kept").decode()}
    answers: ClassVar = {
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [secrets]},
        "/api/v1/namespaces/models/secrets/x-assessor-keys": {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "x-assessor-keys"},
            "data": kept,
        },
    }

    def do_GET(self) -> None:
        answer = self.answers.get(self.path.partition("?")[0])
        body = json.dumps(answer or {"kind": "Status", "apiVersion": "v1", "code": 404}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


def test_a_key_that_was_made_earlier_is_kept_and_a_new_limit_holds_for_it():
    values = {"apiKeys": {"requestsPerMinute": 60}}
    with answering(Cluster) as url:
        objects = render("assessor", values, "--dry-run=server", "--kube-apiserver", url)
    secret = named(objects, "Secret", "x-assessor-keys")["stringData"]
    (entry,) = keys.parse(secret["clients.yaml"])
    assert secret["api-key"] == "signalbox_kept"
    assert keys.find([entry], "signalbox_kept") == entry
    assert entry.requests_per_minute == 60


@pytest.mark.parametrize(("existing", "name"), [("", "x-assessor-keys"), ("own", "own")])
def test_the_pod_sees_the_hashes_alone_and_their_change(existing, name):
    objects = render("assessor", {"apiKeys": {"existingSecret": existing}})
    spec = one(objects, "Deployment")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "keys"]
    assert volume["secret"]["secretName"] == name
    assert [item["key"] for item in volume["secret"]["items"]] == ["clients.yaml"]
    (mount,) = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "keys"]
    assert "subPath" not in mount  # a file that is mounted by itself never changes
    environment = {item["name"]: item.get("value") for item in spec["containers"][0]["env"]}
    assert environment["SIGNALBOX_API_KEYS_FILE"] == f"{mount['mountPath']}/clients.yaml"
    made = [item["metadata"]["name"] for item in objects if item["kind"] == "Secret"]
    assert made == ([] if existing else [name])


def test_without_keys_there_is_nothing_of_them():
    objects = render("assessor", {"apiKeys": {"enabled": False}})
    assert [item for item in objects if item["kind"] == "Secret"] == []
    text = yaml.safe_dump(objects)
    assert "KEYS_FILE" not in text
    assert "assessor-keys" not in text


# --- key of the decoder -----------------------------------------------------------------------------------


def decoder_key(values: dict | None = None) -> dict | None:
    """The reference to the decoder's key, None where no key is sent."""
    for item in container(values)["env"]:
        if item["name"] == "SIGNALBOX_DECODER_API_KEY":
            return dict(item["valueFrom"]["secretKeyRef"])
    return None


def test_assessor_and_model_server_find_each_other_by_their_defaults():
    """`helm install model-server` and `helm install assessor` with no values about each other."""
    server = render("model-server", name="model-server")
    service, secret = one(server, "Service"), one(server, "Secret")
    pod = container()
    environment = {item["name"]: item.get("value") for item in pod["env"]}
    (port,) = [port["port"] for port in service["spec"]["ports"] if port["name"] == "http"]
    assert port == 80
    assert environment["SIGNALBOX_DECODER_URL"] == f"http://{service['metadata']['name']}/v1"
    reference = decoder_key()
    assert reference is not None
    assert (reference["name"], reference["optional"]) == (secret["metadata"]["name"], True)
    assert reference["key"] in (secret.get("data") or secret["stringData"])


@pytest.mark.parametrize(
    ("decoder", "reference"),
    [
        ({"url": "http://llama:8000/v1"}, {"name": "llama-key", "key": "api-key", "optional": True}),
        ({"url": "https://api.openai.com/v1"}, None),
        ({"url": "http://llama.other.svc/v1"}, None),
        ({"url": "http://[fd00::1]:8000/v1"}, None),
        ({"apiKey": {"existingSecret": ""}}, None),
        ({"apiKey": {"existingSecret": "s", "existingSecretKey": "k"}}, {"name": "s", "key": "k"}),
        ({"apiKey": {"value": "sk"}}, {"name": "x-assessor", "key": "decoder-api-key"}),
    ],
)
def test_a_key_goes_only_to_the_server_that_it_is_for(decoder, reference):
    assert decoder_key({"decoder": decoder}) == reference


# --- migrations -------------------------------------------------------------------------------------------

PLAIN_URL = {"database": {"type": "postgres", "postgres": {"url": "postgresql://u:pw@db.example.org/d"}}}


def migrate_pod(values: dict) -> dict:
    spec: dict = one(render("assessor", values), "Job")["spec"]["template"]["spec"]
    return spec


def hook(document: dict) -> tuple[str | None, int]:
    annotations = document["metadata"].get("annotations", {})
    return annotations.get("helm.sh/hook"), int(annotations.get("helm.sh/hook-weight", "0"))


def test_postgres_is_migrated_before_pods_are_made_and_sqlite_by_its_pod():
    assert [item for item in render("assessor") if item["kind"] == "Job"] == []
    job = one(render("assessor", POSTGRES), "Job")
    assert hook(job) == ("pre-install,pre-upgrade", 0)
    annotations = job["metadata"]["annotations"]
    assert "hook-failed" not in annotations["helm.sh/hook-delete-policy"]  # its log can be read
    assert annotations["helm.sh/hook-output-log-policy"] == "hook-failed"


def test_the_migration_needs_nothing_that_is_made_after_it():
    objects = render("assessor", PLAIN_URL)
    before = {
        (item["kind"], item["metadata"]["name"])
        for item in objects
        if hook(item)[0] == "pre-install,pre-upgrade" and hook(item)[1] < 0
    }
    assert before == {("Secret", "x-assessor-migrate"), ("NetworkPolicy", "x-assessor-migrate")}
    pod = migrate_pod(PLAIN_URL)
    references = [
        item["valueFrom"]["secretKeyRef"]["name"]
        for item in pod["containers"][0]["env"]
        if "valueFrom" in item
    ]
    assert references == ["x-assessor-migrate"]
    assert pod["serviceAccountName"] == "default"
    assert "volumes" not in pod
    existing = migrate_pod(POSTGRES)["containers"][0]["env"]
    assert [item["valueFrom"]["secretKeyRef"] for item in existing if "valueFrom" in item] == [
        {"name": "signalbox-app", "key": "uri"}
    ]


def test_the_migration_runs_as_an_account_that_exists():
    account = {"serviceAccount": {"create": False, "name": "own"}}
    assert migrate_pod(POSTGRES | account)["serviceAccountName"] == "own"


def test_the_migration_may_reach_what_the_pods_may_and_nobody_may_reach_it():
    rule = {"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}]}
    objects = render("assessor", POSTGRES | {"networkPolicy": {"extraEgress": [rule]}})
    policies = {item["metadata"]["name"]: item["spec"] for item in objects if item["kind"] == "NetworkPolicy"}
    mine, pods_own = policies["x-assessor-migrate"], policies["x-assessor"]
    assert mine["egress"] == pods_own["egress"]
    assert rule in mine["egress"]
    assert "ingress" not in mine
    assert "Ingress" in mine["policyTypes"]
    labels = one(objects, "Job")["spec"]["template"]["metadata"]["labels"]
    assert mine["podSelector"]["matchLabels"].items() <= labels.items()
    assert not pods_own["podSelector"]["matchLabels"].items() <= labels.items()


@pytest.mark.slow
def test_the_migration_makes_the_tables_and_a_failed_one_says_why():
    main = migrate_pod(POSTGRES)["containers"][0]
    command = [sys.executable, *main["command"][1:]]

    def run(url: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": "/tmp", "SIGNALBOX_DATABASE_URL": url}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    with running_postgres() as server:
        url = server.create("migrated")
        first, second = run(url), run(url)
    away = run(url)
    assert (first.returncode, first.stdout) == (0, "migrated: 0001_records\n")
    assert (second.returncode, second.stdout) == (0, "nothing to migrate\n")
    assert away.returncode == 1
    assert away.stderr.startswith("error: Postgres: ")
    assert len(away.stderr.splitlines()) == 1


def test_the_example_reads_the_secret_that_cloudnativepg_makes_for_its_cluster():
    example = example_file("assessor", "postgres-cloudnativepg")
    text = (example.parent / "cloudnativepg" / "cluster.yaml").read_text(encoding="utf-8")
    assert_known(text)
    cluster, policy = yaml.safe_load_all(text)
    postgres = yaml.safe_load(example.read_text(encoding="utf-8"))["database"]["postgres"]
    assert postgres["existingSecret"] == f"{cluster['metadata']['name']}-app"
    assert policy["spec"]["podSelector"]["matchLabels"] == {"cnpg.io/cluster": cluster["metadata"]["name"]}


# --- helm test --------------------------------------------------------------------------------------------


@pytest.fixture
def helm_test(tmp_path):
    """Run what the pod of `helm test` runs against the real assessor over models that answer from a table.

    The assessor reads the clients file that the chart makes; `with_key` says whether the pod finds the key.
    """
    objects = render("assessor")
    secret = named(objects, "Secret", "x-assessor-keys")["stringData"]
    file = tmp_path / "clients.yaml"
    file.write_text(secret["clients.yaml"], encoding="utf-8")
    with serving(make_app(tmp_path, api_keys_file=file), free_port()) as url:

        def run(text: str, *, with_key: bool = True) -> subprocess.CompletedProcess[str]:
            container = one(render("assessor", {"test": {"text": text}}), "Pod")["spec"]["containers"][0]
            environment = {item["name"]: item["value"] for item in container["env"] if "value" in item}
            for item in container["env"]:
                if with_key and "valueFrom" in item:
                    environment[item["name"]] = secret[item["valueFrom"]["secretKeyRef"]["key"]]
            environment["ASSESSOR"] = url.removeprefix("http://")
            _, *arguments = container["command"]
            command = [sys.executable, *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        yield run


def test_the_helm_test_without_a_key_fails_with_what_is_missing(helm_test):
    done = helm_test(SURE, with_key=False)
    assert done.returncode == 1
    assert "HTTP 401" in done.stderr
    assert "Bearer KEY" in done.stderr


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
