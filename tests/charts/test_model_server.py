"""charts/model-server starts each engine as files/engines.yaml lists."""

import functools
import json
import shutil
from pathlib import Path

import pytest
import yaml

from signalbox.capacity.planner.plan import default_catalogue
from tests.charts.conftest import EXAMPLES, chart_folder, pods, render, render_error, render_example
from tools.charts.helm import template

CHART = "model-server"
FOLDER = chart_folder(CHART)
MINE = [example for chart, example in EXAMPLES if chart == CHART]
LLAMA = {"name": "meta-llama/Llama-3.1-8B-Instruct"}
SECRET = FOLDER / "templates" / "secret.yaml"


def server(objects):
    """The container that serves."""
    specs = [spec for document in objects if document["kind"] != "Pod" for _, spec in pods(document)]
    return specs[0]["containers"][0]


def one(objects, kind):
    return next(document for document in objects if document["kind"] == kind)


def test_a_key_in_plain_text_is_warned_about(notes):
    assert "WARNING: apiKey.value is plain text" in notes({"apiKey": {"value": "s3cret"}})
    assert "plain text" not in notes({"apiKey": {"existingSecret": "key"}})


def test_the_pools_have_every_gpu_of_the_fit_table_with_its_labels():
    pools = yaml.safe_load((FOLDER / "files" / "pools.yaml").read_text(encoding="utf-8"))
    rows = {row["capacity"]: row for row in pools.values() if "capacity" in row}
    table = json.loads((FOLDER / "files" / "capacity.json").read_text(encoding="utf-8"))
    products = {gpu.name: list(gpu.products) for gpu in default_catalogue().gpus if gpu.name in table["gpus"]}
    assert len(products) == len(table["gpus"])
    assert {name: row["gfd"]["nvidia.com/gpu.product"] for name, row in rows.items()} == products


def test_the_chart_reads_the_planners_own_table():
    table = Path("charts/model-server/files/capacity.json")
    assert (FOLDER / "files" / "capacity.json").read_bytes() == (FOLDER.parent.parent / table).read_bytes()


def test_the_planners_table_is_read_in_one_place_only():
    """Each reading takes longer than the rest of a render."""
    texts = [path.read_text(encoding="utf-8") for path in (FOLDER / "templates").rglob("*") if path.is_file()]
    assert sum(text.count('Files.Get "files/capacity.json"') for text in texts) == 1


@pytest.mark.parametrize("example", MINE)
def test_a_server_has_time_to_load_and_to_drain(example):
    objects = render_example(CHART, example)
    specs = [
        (place, spec) for document in objects for place, spec in pods(document) if document["kind"] != "Pod"
    ]
    for place, spec in specs:
        container = spec["containers"][0]
        if container["name"] == "worker":
            assert "livenessProbe" not in container, place
            continue
        assert "tcpSocket" not in str(container["startupProbe"]) + str(container["readinessProbe"])
        assert (
            container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] >= 60
        )
        wait = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
        args = container.get("args", [])
        drain = int(args[args.index("--shutdown-timeout") + 1]) if "--shutdown-timeout" in args else 0
        assert spec["terminationGracePeriodSeconds"] > wait + drain


def test_a_larger_model_has_longer_to_start():
    small = server(render(CHART, {}))
    large = server(render(CHART, {"model": {"sizeGiB": 140}}))
    assert large["startupProbe"]["failureThreshold"] > 3 * small["startupProbe"]["failureThreshold"]


def test_values_set_the_times_of_the_probes():
    times = {"periodSeconds": 20, "timeoutSeconds": 19, "failureThreshold": 9}
    container = server(render(CHART, {"probes": {"readiness": times, "liveness": times}}))
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe].items() >= times.items()


def test_a_start_that_gets_less_time_than_it_may_need_is_warned_about(notes):
    warning = "probes.startup.budgetSeconds is 60, but engine and model may need"
    assert warning in notes({"probes": {"startup": {"budgetSeconds": 60}}})
    assert "budgetSeconds" not in notes({"probes": {"startup": {"budgetSeconds": 3600}}})


def test_a_full_pool_is_not_asked_for_one_more_server():
    strategy = one(render(CHART), "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 0, "maxUnavailable": 1}


def test_a_surge_never_drops_below_the_replicas():
    values = {"replicas": 3, "update": {"surge": 1}, "persistence": {"accessModes": ["ReadWriteMany"]}}
    strategy = one(render(CHART, values), "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}


def test_several_gpus_share_memory():
    objects = render_example(CHART, "llama-3.1-70b-4xl40s")
    volumes = {volume["name"]: volume for volume in pods(one(objects, "Deployment"))[0][1]["volumes"]}
    assert volumes["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "8Gi"}


def test_an_air_gapped_server_reaches_only_dns_and_itself():
    objects = render_example(CHART, "phi-3.5-mini-l4")
    rules = one(objects, "NetworkPolicy")["spec"]["egress"]
    ports = {port["port"] for rule in rules for port in rule.get("ports", [])}
    peers = [peer for rule in rules for peer in rule.get("to", [])]
    assert ports == {53, 5353}
    assert all(peer["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] for peer in peers)
    assert {"name": "HF_HUB_OFFLINE", "value": "1"} in server(objects)["env"]
    images = [
        container["image"] for item in objects for _, spec in pods(item) for container in spec["containers"]
    ]
    assert all(image.startswith("registry.example.internal/") for image in images)


def test_one_values_file_serves_a_deployment_and_kserve():
    values = {"model": LLAMA, "context": 4096}
    plain, kserve = (render(CHART, {**values, "kserve": {"enabled": on}}) for on in (False, True))
    assert {"Deployment", "Service"} & {item["kind"] for item in kserve} == set()
    assert server(kserve)["args"] == server(plain)["args"]


def test_the_key_comes_from_a_secret_that_exists():
    objects = render(CHART, {"apiKey": {"existingSecret": "mine"}})
    assert "Secret" not in {item["kind"] for item in objects}
    key = next(row for row in server(objects)["env"] if row["name"] == "VLLM_API_KEY")
    assert key["valueFrom"]["secretKeyRef"] == {"name": "mine", "key": "api-key"}


def test_a_generated_key_gives_way_to_the_one_in_the_cluster(tmp_path):
    """helm template has no cluster, so its lookup is empty: the test replaces the lookup in the real template by a Secret."""
    text = SECRET.read_text(encoding="utf-8")
    lookup = '(lookup "v1" "Secret" .Release.Namespace $name)'
    assert lookup in text
    existing = '(dict "data" (dict "api-key" "a2VwdA=="))'
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "templates" / "secret.yaml").write_text(text.replace(lookup, existing), encoding="utf-8")
    process = template(tmp_path, "--show-only", "templates/secret.yaml")
    secret = yaml.safe_load(process.stdout)
    assert secret["data"] == {"api-key": "a2VwdA=="}
    assert secret["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


@pytest.mark.parametrize("size", ["49Gi", "53G", "0.04Ti"])
def test_a_cache_below_the_size_of_the_files_is_rejected(size):
    error = render_error(CHART, {"model": {"sizeGiB": 50}, "persistence": {"size": size}})
    assert f"persistence.size: {size} is too small for the 50 GiB" in error


@pytest.mark.parametrize("size", ["51Gi", "54G", "0.1Ti"])
def test_a_cache_above_the_size_of_the_files_is_accepted(size):
    assert one(
        render(CHART, {"model": {"sizeGiB": 50}, "persistence": {"size": size}}), "PersistentVolumeClaim"
    )


@pytest.mark.parametrize(("gib", "size"), [(0.5, "50Gi"), (140, "169Gi")])
def test_the_cache_has_room_for_the_files_when_values_give_no_size(gib, size):
    claim = one(render(CHART, {"model": {"sizeGiB": gib}}), "PersistentVolumeClaim")
    assert claim["spec"]["resources"]["requests"]["storage"] == size


def test_an_engine_without_a_drain_is_ended_when_its_answers_have_had_their_time():
    for engine, product, waits in (("vllm", "L4", "10"), ("ollama", "L4", "130")):
        values = {"engine": engine, "quantization": "fp16", "gpu": {"product": product}}
        assert server(render(CHART, values))["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", waits]


def test_the_bundle_of_a_private_ca_is_mounted_and_named():
    container = server(render(CHART, {"caBundle": {"existingConfigMap": "our-ca", "key": "bundle.pem"}}))
    variables = {row["name"]: row.get("value") for row in container["env"]}
    assert {"name": "ca", "mountPath": "/etc/signalbox/ca", "readOnly": True} in container["volumeMounts"]
    assert variables["SSL_CERT_FILE"] == variables["REQUESTS_CA_BUNDLE"] == "/etc/signalbox/ca/bundle.pem"


@pytest.mark.parametrize(
    ("address", "port"), [("http://a:8080/m.gguf", 8080), ("http://a/m.gguf", 80), ("https://a/m.gguf", 443)]
)
def test_a_download_may_leave_by_the_port_of_its_address(address, port):
    values = {
        "engine": "llamacpp",
        "quantization": "gguf-q4_k_m",
        "concurrency": 1,
        "gpu": {"product": "CPU", "count": 0},
        "model": {"source": "url", "url": {"address": address}},
    }
    egress = one(render(CHART, values), "NetworkPolicy")["spec"]["egress"]
    assert [{"port": port, "protocol": "TCP"}] in [rule.get("ports") for rule in egress]


def test_every_pod_pulls_with_the_secrets_that_values_name():
    values = {"global": {"imagePullSecrets": [{"name": "one"}]}, "image": {"pullSecrets": ["one", "two"]}}
    objects = render(CHART, values)
    specs = [spec["imagePullSecrets"] for item in objects for _, spec in pods(item)]
    assert specs == [[{"name": "one"}, {"name": "two"}]] * 2


@pytest.mark.parametrize(
    ("more", "kind", "places"),
    [
        ({}, "Deployment", ["template.metadata"]),
        ({"kserve": {"enabled": True}}, "InferenceService", ["predictor"]),
        (
            {
                "parallelism": {"nodes": 2, "tensor": 1, "pipeline": 2},
                "gpu": {"count": 2},
                "persistence": {"accessModes": ["ReadWriteMany"]},
            },
            "LeaderWorkerSet",
            [f"leaderWorkerTemplate.{role}Template.metadata" for role in ("leader", "worker")],
        ),
    ],
)
def test_pods_have_podlabels_in_addition_to_the_charts_own(more, kind, places):
    spec = one(render(CHART, more | {"podLabels": {"team": "one"}}), kind)["spec"]
    for place in places:
        labels = functools.reduce(dict.__getitem__, place.split("."), spec)["labels"]
        assert labels["team"] == "one"
        assert labels["app.kubernetes.io/name"] == "model-server"


def test_a_changed_key_starts_new_pods():
    templates = [
        one(render(CHART, {"apiKey": {"value": key}}), "Deployment")["spec"]["template"]["metadata"]
        for key in ("one", "two")
    ]
    assert templates[0]["annotations"] != templates[1]["annotations"]
