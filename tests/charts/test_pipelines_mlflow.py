"""MLflow and `helm test` of the pipelines' chart, run as real processes."""

import http.client
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local.processes import Service, Supervisor
from tests.charts.conftest import environment, nameless_command, one, pod_of, render
from tests.charts.pipelines_chart import ALL_JOBS, PROGRAMS, job, mounts
from tests.helpers import free_port, has_ipv6

BUCKET = {"mlflow": {"postgres": {"existingSecret": "mlflow-app"}, "s3": {"uri": "s3://bucket/mlflow"}}}


def test_runs_in_postgres_are_reached_by_the_entries_of_cloudnativepgs_secret():
    env = environment(pod_of(one(render("pipelines", BUCKET), "Deployment")))
    url = env["MLFLOW_BACKEND_STORE_URI"]["value"]
    names = re.findall(r"\$\((\w+)\)", url)
    assert list(env).index("MLFLOW_BACKEND_STORE_URI") > max(list(env).index(name) for name in names)
    secret = {name: env[name]["valueFrom"]["secretKeyRef"] for name in names}
    assert {ref["name"] for ref in secret.values()} == {"mlflow-app"}
    filled = re.sub(r"\$\((\w+)\)", lambda match: secret[match.group(1)]["key"], url)
    assert filled == "postgresql+pg8000://username:password@host:port/dbname"


def test_a_complete_url_of_postgres_is_used_unchanged():
    values = {"mlflow": {"postgres": {"existingSecret": "s", "existingSecretKey": "url"}}}
    env = environment(pod_of(one(render("pipelines", values), "Deployment")))
    assert env["MLFLOW_BACKEND_STORE_URI"]["valueFrom"]["secretKeyRef"] == {"name": "s", "key": "url"}


def test_with_postgres_and_a_bucket_mlflow_has_no_volume_and_rolls():
    objects = render("pipelines", BUCKET | {"mlflow": {**BUCKET["mlflow"], "replicas": 2}})
    deployment = one(objects, "Deployment")
    assert deployment["spec"]["strategy"]["type"] == "RollingUpdate"
    assert mounts(pod_of(deployment)) == {}
    assert "mlflow" not in one(objects, "PersistentVolumeClaim")["metadata"]["name"]
    assert one(render("pipelines"), "Deployment")["spec"]["strategy"] == {"type": "Recreate"}


def test_without_persistence_mlflow_has_a_temporary_volume():
    values = {"mlflow": {"persistence": {"enabled": False, "size": "2Gi"}}}
    objects = render("pipelines", values)
    volumes = {volume["name"]: volume for volume in pod_of(one(objects, "Deployment"))["volumes"]}
    assert volumes["data"] == {"name": "data", "emptyDir": {"sizeLimit": "2Gi"}}
    assert "mlflow" not in one(objects, "PersistentVolumeClaim")["metadata"]["name"]


def test_values_set_affinity_and_topology_spread_of_mlflow():
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    values = {"mlflow": {"affinity": {"nodeAffinity": {}}, "topologySpreadConstraints": [spread]}}
    deployment = one(render("pipelines", values), "Deployment")
    pod = pod_of(deployment)
    assert pod["affinity"] == {"nodeAffinity": {}}
    (constraint,) = pod["topologySpreadConstraints"]
    assert constraint == spread | {"labelSelector": deployment["spec"]["selector"]}


def test_mlflow_has_time_to_finish_requests():
    values = {"mlflow": {"shutdown": {"preStopSeconds": 7, "drainSeconds": 40}}}
    pod = pod_of(one(render("pipelines", values), "Deployment"))
    assert pod["containers"][0]["lifecycle"]["preStop"]["sleep"] == {"seconds": 7}
    assert pod["terminationGracePeriodSeconds"] == 47


def test_with_an_external_mlflow_no_object_of_it_is_created():
    objects = render("pipelines", {"mlflow": {"enabled": False, "url": "https://mlflow.example.org"}})
    assert [item for item in objects if item["metadata"]["name"].endswith("mlflow")] == []
    env = environment(pod_of(one(objects, "Job")))
    assert env["SIGNALBOX_MLFLOW_URL"]["value"] == "https://mlflow.example.org"


ANSWERED = [
    "localhost", "localhost:9999", "127.0.0.1:5000",
    "x-pipelines-mlflow", "x-pipelines-mlflow:80", "x-pipelines-mlflow.models:5000", "x-pipelines-mlflow.models.svc",
    "x-pipelines-mlflow.models.svc:80", "x-pipelines-mlflow.models.svc.cluster.local", "10.244.3.17:5000",
    "mlflow.example.org", "[fd00::17]:5000",
]  # fmt: skip

REJECTED = [
    "example.org", "x-pipelines-mlflow.example.org", "x-pipelines-mlflow.other", "10.example.org:5000",
    "10.244.3.17.example.org:5000", "192.0.2.1:5000", "mlflow.example.org.example.com",
]  # fmt: skip


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory):
    """The real MLflow with the arguments and variables of the chart, with its paths in a folder.

    If the kernel allows it, it runs as on OpenShift, where the user has no name.
    """
    folder = tmp_path_factory.mktemp("x-pipelines-mlflow")
    pod = pod_of(one(render("pipelines", {"mlflow": {"allowedHosts": ["mlflow.example.org"]}}), "Deployment"))
    container = pod["containers"][0]
    port = free_port()
    here = {"--port=": f"--port={port}"}
    arguments = [here.get(a[: a.index("=") + 1] if "=" in a else a, a) for a in container["args"]]
    paths = [(m["mountPath"], folder / m["name"]) for m in container["volumeMounts"]]

    def local(text: str) -> str:
        for path, mine in paths:
            mine.mkdir(exist_ok=True)
            text = text.replace(path, str(mine))
        return text

    assert container["command"] == ["mlflow", "server"]
    service = Service(
        name="mlflow",
        command=(
            *nameless_command(),
            sys.executable,
            "-m",
            *container["command"],
            *(local(a) for a in arguments),
        ),
        host="127.0.0.1",
        port=port,
        ready_path=container["readinessProbe"]["httpGet"]["path"],
        port_setting="",
        environment={item["name"]: local(item["value"]) for item in container["env"]},
        ready_seconds=120,
    )
    with Supervisor(folder / "logs") as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield service


def status(service: Service, host: str, path: str) -> int:
    connection = http.client.HTTPConnection(service.host, service.port, timeout=30)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    return connection.getresponse().status


@pytest.mark.slow
@pytest.mark.parametrize("host", ANSWERED)
def test_mlflow_accepts_every_host_name_of_its_clients(mlflow, host):
    assert status(mlflow, host, "/api/2.0/mlflow/experiments/search?max_results=1") == 200


@pytest.mark.slow
@pytest.mark.parametrize("host", REJECTED)
def test_mlflow_rejects_other_host_names(mlflow, host):
    assert status(mlflow, host, "/api/2.0/mlflow/experiments/search?max_results=1") == 403


@pytest.mark.slow
@pytest.mark.skipif(not has_ipv6(), reason="this kernel has no IPv6")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_mlflow_is_reached_over_ipv4_and_ipv6(mlflow, address):
    assert status(replace(mlflow, host=address), "localhost", "/health") == 200


def test_several_workers_of_mlflow_share_a_socket_for_ipv4_and_ipv6():
    """Without workers, uvicorn binds `::` for IPv6 only, and the empty host for both."""
    hosts = {}
    for workers in (1, 3):
        objects = render("pipelines", {"mlflow": {"workers": workers}})
        arguments = pod_of(one(objects, "Deployment"))["containers"][0]["args"]
        (hosts[workers],) = [argument for argument in arguments if argument.startswith("--host=")]
    assert hosts == {1: "--host=", 3: "--host=::"}


@pytest.mark.slow
def test_mlflow_shows_its_metrics_to_prometheus(mlflow):
    monitor = one(render("pipelines", {"serviceMonitor": {"enabled": True}}), "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert status(mlflow, "10.244.3.17:5000", endpoint["path"]) == 200


LOGGED = """
import mlflow
from pipelines.sinks import mlflow_runs
from signalbox.settings import Settings
with mlflow_runs.run(Settings(), "medical", "train", "one") as run:
    print(run.info.user_id, mlflow.get_run(run.info.run_id).data.tags["mlflow.user"])
"""


@pytest.mark.slow
def test_a_job_logs_its_run_as_a_user_without_a_name(mlflow, nameless):
    env = environment(pod_of(job("train", {"openshift": True})))
    variables = {name: item["value"] for name, item in env.items()} | {"SIGNALBOX_MLFLOW_URL": mlflow.url}
    command = [*nameless, sys.executable, "-c", LOGGED]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "signalbox signalbox\n"


@pytest.mark.slow
def test_probes_are_answered_under_any_name(mlflow):
    """The kubelet uses the pod's address."""
    assert status(mlflow, "172.30.1.2:5000", "/health") == 200


# --- helm test -------------------------------------------------------------------------------------------


def checked(tmp_path: Path, url: str, needs: str = "state database mlflow") -> subprocess.CompletedProcess:
    """Run the program of the `helm test` pod, with its variables but in a folder of the test."""
    container = one(render("pipelines"), "Pod")["spec"]["containers"][0]
    variables = {item["name"]: item["value"].replace("/var/lib", str(tmp_path)) for item in container["env"]}
    assert variables["NEEDS"] == "state database mlflow"
    for folder in ("signalbox", "signalbox-database"):
        (tmp_path / folder).mkdir(exist_ok=True)
    _, *arguments = container["command"]
    variables |= {"SIGNALBOX_MLFLOW_URL": url, "NEEDS": needs}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_helm_test_passes_if_every_need_answers(tmp_path, mlflow):
    done = checked(tmp_path, mlflow.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"{need}: answers" for need in ("state", "database", "mlflow")]


def test_the_helm_test_names_a_failed_check_and_runs_the_rest(tmp_path):
    done = checked(tmp_path, f"http://127.0.0.1:{free_port()}", "mlflow state")
    assert done.returncode == 1
    assert re.search(r"^mlflow: ConnectError.*refused", done.stdout)
    assert done.stdout.endswith("state: answers\n")


def test_the_helm_test_does_not_query_a_model_that_is_disabled():
    values = ALL_JOBS | {"encoder": {"enabled": False}}
    container = one(render("pipelines", values), "Pod")["spec"]["containers"][0]
    variables = {item["name"]: item.get("value", "k") for item in container["env"]} | {"NEEDS": "encoder"}
    command = [sys.executable, *container["command"][1:]]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "encoder: disabled\n", "")


def test_the_helm_test_can_be_disabled():
    assert [
        item for item in render("pipelines", {"helmTest": {"enabled": False}}) if item["kind"] == "Pod"
    ] == []


def test_the_helm_test_has_a_check_for_every_need_of_a_job():
    script = one(render("pipelines", ALL_JOBS), "Pod")["spec"]["containers"][0]
    needs = {item["name"]: item.get("value") for item in script["env"]}["NEEDS"].split()
    assert set(needs) == {"state", *(need for program in PROGRAMS.values() for need in program["needs"])}
    table = script["command"][2].partition("CHECKS = {")[2].partition("}\n")[0]
    assert set(re.findall(r'^ +"(\w+)":', table, re.MULTILINE)) == set(needs)
