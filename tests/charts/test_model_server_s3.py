"""`model.source: s3`: an init container downloads the model, and the engine reads it from the cache."""

import pytest

from signalbox.cli import installed_app
from tests.charts.conftest import environment, one, pod_of, render, render_error

CHART = "model-server"
S3 = {"uri": "s3://models/llama", "endpoint": "http://minio.storage.svc:9000", "existingSecret": "keys"}
VALUES = {"model": {"source": "s3", "s3": S3}}
GGUF = {"quantization": "gguf-q4_k_m", "concurrency": 4}


def pod(values: dict) -> dict:
    return pod_of(one(render(CHART, VALUES | values), "Deployment"))


def download(values: dict | None = None) -> dict:
    (container,) = pod(values or {})["initContainers"]
    return container


def test_the_download_is_a_command_of_the_image():
    container = download()
    program, command, uri, folder = container["command"]
    assert (program, uri, folder) == ("signalbox", "s3://models/llama", "/cache/s3")
    assert command in {info.callback.__name__ for info in installed_app().registered_commands}
    assert container["image"].startswith("signalbox/pipelines:")
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/cache", "/tmp"}


def test_the_keys_are_those_of_the_secret():
    variables = environment({"containers": [download()]})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert variables[name]["valueFrom"]["secretKeyRef"] == {"name": "keys", "key": name}
    assert variables["AWS_ENDPOINT_URL"]["value"] == S3["endpoint"]
    public = download({"model": {"source": "s3", "s3": {"uri": "s3://models/llama", "region": "eu-west-1"}}})
    names = {item["name"]: item.get("value") for item in public["env"]}
    assert names == {"HOME": "/cache", "AWS_REGION": "eu-west-1"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"engine": "vllm"}, ["/cache/s3"]),
        ({"engine": "sglang"}, ["--model-path", "/cache/s3"]),
        (
            {"engine": "tgi", "gpu": {"product": "H100"}, "image": {"repository": "us/tgi"}},
            ["--model-id", "/cache/s3"],
        ),
        (
            GGUF | {"engine": "llamacpp", "model": VALUES["model"] | {"file": "a.gguf"}},
            ["--model", "/cache/s3/a.gguf"],
        ),
    ],
)
def test_the_engine_reads_the_files_from_the_cache(values, words):
    container = pod(values)["containers"][0]
    assert container["args"][: len(words)] == words
    assert "--revision" not in container["args"]
    assert {"name": "cache", "mountPath": "/cache"} in container["volumeMounts"]


def test_adapters_are_below_the_path():
    args = pod({"lora": {"adapters": [{"name": "a", "path": "adapters/a"}]}})["containers"][0]["args"]
    assert "a=/cache/s3/adapters/a" in args


@pytest.mark.parametrize("engine", ["ollama", "nim"])
def test_engines_with_a_hub_of_their_own_reject_it(engine):
    values = VALUES | {"engine": engine, "gpu": {"product": "H100"}, "image": {"tag": "1.0"}}
    assert 'does not support "s3"' in render_error(CHART, values)


def ports(values: dict) -> set[int]:
    rules = one(render(CHART, VALUES | values), "NetworkPolicy")["spec"]["egress"]
    return {port["port"] for rule in rules for port in rule.get("ports", [])} - {53, 5353}


@pytest.mark.parametrize("air_gapped", [False, True])
@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("http://minio:9000", 9000), ("https://s3.example.org", 443), ("", 443), ("http://minio", 80)],
)
def test_the_policy_allows_the_port_of_the_store_only(air_gapped, endpoint, port):
    model = {"source": "s3", "s3": {"uri": "s3://models/llama", "endpoint": endpoint}}
    assert ports({"model": model, "airGapped": air_gapped}) == {port}


def test_a_private_ca_is_read_by_the_download():
    container = download({"caBundle": {"existingConfigMap": "ca"}})
    assert environment({"containers": [container]})["SSL_CERT_FILE"]["value"] == "/etc/signalbox/ca/ca.crt"
    assert "/etc/signalbox/ca" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_variables_reach_the_download(notes):
    proxy = [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]
    assert "HTTPS_PROXY" in environment({"containers": [download({"extraEnv": proxy})]})
    text = notes(VALUES)
    assert "Secret keys with keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in text
    assert " from s3://models/llama, served as" in text


def test_the_volume_and_the_start_have_room_for_the_files():
    values = {"model": VALUES["model"] | {"sizeGiB": 140}}
    claim = one(render(CHART, VALUES | values), "PersistentVolumeClaim")
    assert claim["spec"]["resources"]["requests"]["storage"] == "169Gi"
    probe = pod(values)["containers"][0]["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] >= 140 * 30


def test_all_nodes_of_a_replica_take_turns():
    nodes = {"gpu": {"count": 2}, "parallelism": {"tensor": 2, "nodes": 2}}
    shared = {"persistence": {"accessModes": ["ReadWriteMany"]}}
    group = one(render(CHART, VALUES | nodes | shared), "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    for role in ("leaderTemplate", "workerTemplate"):
        assert [item["name"] for item in group[role]["spec"]["initContainers"]] == ["download"]
