"""Keys of the assessor's chart: its clients', the decoder's and the database's."""

from base64 import b64encode
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

import pytest
import yaml

from signalbox import keys
from tests.charts.assessor_chart import container, deployment, variables
from tests.charts.conftest import GENERATED, POSTGRES, environment, one, pod_of, render
from tests.helpers import answering, say_json


def test_keys_are_never_in_the_pod_itself():
    secret = {
        "decoder": {"apiKey": {"value": "sk-plain"}},
        "database": {"type": "postgres", "postgres": {"url": "postgresql://u:pw@h/d"}},
    }
    objects = render("assessor", secret)
    assert one(objects, "Secret", "x-assessor")["stringData"] == {
        "decoder-api-key": "sk-plain",
        "database-url": "postgresql://u:pw@h/d",
    }
    rest = yaml.safe_dump([item for item in objects if item["kind"] != "Secret"])
    assert "sk-plain" not in rest
    assert "pw@" not in rest


def test_a_changed_key_starts_new_pods():
    def checksum(key: str) -> str:
        pods = deployment({"decoder": {"apiKey": {"value": key}}})
        return pods["spec"]["template"]["metadata"]["annotations"]["checksum/secret"]

    assert checksum("a") != checksum("b")


def test_no_secret_is_created_if_one_exists():
    values = POSTGRES | {"decoder": {"apiKey": {"existingSecret": "key"}}, "apiKeys": {"existingSecret": "c"}}
    objects = render("assessor", values)
    assert [item for item in objects if item["kind"] == "Secret"] == []
    variables_of_pod = environment(pod_of(one(objects, "Deployment", "x-assessor")))
    references = [
        variables_of_pod[name]["valueFrom"]["secretKeyRef"]
        for name in ("SIGNALBOX_DECODER_API_KEY", "SIGNALBOX_DATABASE_URL")
    ]
    assert references == [{"name": "key", "key": "api-key"}, {"name": "signalbox-app", "key": "uri"}]


# --- keys of the clients ---------------------------------------------------------------------------------


def test_the_generated_clients_file_admits_the_generated_key_and_no_other():
    first, second = (
        one(
            render("assessor", {"apiKeys": {"requestsPerMinute": 60, "generate": True}}),
            "Secret",
            "x-assessor-keys",
        )
        for _ in range(2)
    )
    (entry,) = keys.parse(first["stringData"]["clients.yaml"])
    assert keys.find([entry], first["stringData"]["api-key"]) == entry
    assert keys.find([entry], second["stringData"]["api-key"]) is None
    assert (entry.client, entry.requests_per_minute) == ("default", 60)
    assert first["stringData"]["api-key"].startswith(keys.PREFIX)
    assert first["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


class Cluster(BaseHTTPRequestHandler):
    """As much of an API server as helm's `lookup` of a Secret needs."""

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
        missing = {"kind": "Status", "apiVersion": "v1", "code": 404}
        say_json(self, answer or missing, 200 if answer else 404)

    def log_message(self, *_: object) -> None:
        return


def test_an_existing_key_stays_and_gets_the_new_limit():
    values = {"apiKeys": {"requestsPerMinute": 60}}
    with answering(Cluster) as url:
        objects = render("assessor", values, "--dry-run=server", "--kube-apiserver", url)
    secret = one(objects, "Secret", "x-assessor-keys")["stringData"]
    (entry,) = keys.parse(secret["clients.yaml"])
    assert secret["api-key"] == "signalbox_kept"
    assert keys.find([entry], "signalbox_kept") == entry
    assert entry.requests_per_minute == 60


@pytest.mark.parametrize(("existing", "name"), [("", "x-assessor-keys"), ("own", "own")])
def test_the_pod_sees_the_hashes_alone_and_their_change(existing, name):
    objects = render("assessor", {"apiKeys": {"existingSecret": existing, "generate": True}})
    spec = pod_of(one(objects, "Deployment", "x-assessor"))
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "keys"]
    assert volume["secret"]["secretName"] == name
    assert [item["key"] for item in volume["secret"]["items"]] == ["clients.yaml"]
    (mount,) = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "keys"]
    assert "subPath" not in mount  # a single mounted file is never updated
    variables_of_pod = variables(spec["containers"][0])
    assert variables_of_pod["SIGNALBOX_API_KEYS_FILE"] == f"{mount['mountPath']}/clients.yaml"
    secrets = [item["metadata"]["name"] for item in objects if item["kind"] == "Secret"]
    assert secrets == ([] if existing else [name])


def test_without_keys_no_object_mentions_them():
    objects = render("assessor", {"apiKeys": {"enabled": False}})
    assert [item for item in objects if item["kind"] == "Secret"] == []
    text = yaml.safe_dump(objects)
    assert "KEYS_FILE" not in text
    assert "assessor-keys" not in text


# --- key of the decoder ----------------------------------------------------------------------------------


def decoder_key(values: dict | None = None) -> dict | None:
    """The reference to the decoder's key, None if no key is sent."""
    for item in container(values)["env"]:
        if item["name"] == "SIGNALBOX_DECODER_API_KEY":
            return dict(item["valueFrom"]["secretKeyRef"])
    return None


def test_assessor_and_model_server_find_each_other_by_their_defaults():
    """`helm install model-server` and `helm install assessor` with no values about each other."""
    server = render("model-server", GENERATED["model-server"], name="model-server")
    service, secret = one(server, "Service"), one(server, "Secret")
    (port,) = [port["port"] for port in service["spec"]["ports"] if port["name"] == "http"]
    assert port == 80
    assert variables(container())["SIGNALBOX_DECODER_URL"] == f"http://{service['metadata']['name']}/v1"
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
