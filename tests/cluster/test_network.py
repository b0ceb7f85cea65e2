"""The charts' NetworkPolicies, enforced: they admit whom they should and keep all others out.

kube-router refuses what no policy admits. That a refusal is the policy's doing is shown by the same connection without it.
"""

import json
import time
from contextlib import ExitStack

import pytest

from tests.cluster.support.installed import SUPPORT, VALUES, Installed
from tests.cluster.support.peers import Peer, server_outside, visitor
from tools.charts import CHARTS

pytestmark = pytest.mark.cluster

ASSESSOR = {"app.kubernetes.io/name": "assessor", "app.kubernetes.io/component": "assessor"}
# Pods of the installation, by the labels that select one.
REAL = {
    "assessor": "app.kubernetes.io/instance=assessor,app.kubernetes.io/component=assessor",
    "encoder": "serving.kserve.io/inferenceservice=assessor-encoder",
    "decoder": "app.kubernetes.io/instance=model-server,app.kubernetes.io/component=server",
    "mlflow": "app.kubernetes.io/instance=pipelines,app.kubernetes.io/component=mlflow",
    "metrics": "app.kubernetes.io/instance=pipelines,app.kubernetes.io/component=metrics",
}
# Pods that only ask: name → (namespace, labels). None is the namespace of the installation.
JOB = {f"app.kubernetes.io/{key}": value for key, value in (("name", "pipelines"), ("component", "job"))}
VISITORS = {
    "job": (None, JOB | {"app.kubernetes.io/instance": "pipelines"}),
    "neighbour": (None, {"app": "neighbour"}),
    "stranger": ("elsewhere", {"app": "stranger"}),
    "impostor": ("elsewhere", ASSESSOR),  # the assessor's labels in another namespace
    "prometheus": ("monitoring", {"app.kubernetes.io/name": "prometheus"}),
    "partner": ("partners", {"app": "partner"}),  # named by the values
    "bystander": ("partners", {"app": "bystander"}),
}
FROM_THE_NAMESPACE = {"assessor", "encoder", "mlflow", "job", "neighbour"}
# Who is asked → who reaches it, itself left out.
ADMITTED = {
    # The encoder carries the name of the assessor's chart, by which the model server admits.
    "decoder": {"assessor", "encoder", "job", "prometheus", "partner"},
    "encoder": FROM_THE_NAMESPACE | {"prometheus"},
    "assessor": FROM_THE_NAMESPACE | {"prometheus", "partner"},
    "mlflow": FROM_THE_NAMESPACE | {"prometheus", "partner"},
    "metrics": FROM_THE_NAMESPACE | {"prometheus"},
    # Outbound traffic of an encoder is open: KServe fetches its release. Of pods without a policy all is.
    "outside": {"encoder", "neighbour", "stranger", "impostor", "prometheus", "partner", "bystander"},
}
EVERYBODY = {*REAL, *VISITORS}
POLICIES = "networkpolicies.networking.k8s.io"


@pytest.fixture(scope="module")
def peers(cluster, installed, pipelines):
    """Name → pod of all who ask or are asked."""
    with ExitStack() as stack:
        for name in sorted({namespace for namespace, _ in VISITORS.values() if namespace}):
            stack.enter_context(cluster.namespace(name))
        found = {
            name: visitor(cluster, namespace or installed.namespace, name, **labels)
            for name, (namespace, labels) in VISITORS.items()
        }
        stack.callback(installed.kubectl, "delete", "pod", "job", "neighbour")
        for name, selector in REAL.items():
            (pod,) = (pod for pod in installed.pods(selector) if "deletionTimestamp" not in pod["metadata"])
            found[name] = Peer.of(cluster, pod)
        yield found


@pytest.fixture(scope="module")
def outside(cluster):
    with server_outside(cluster) as url:
        yield url


@pytest.fixture(scope="module")
def urls(peers, outside):
    """Who is asked → its address."""
    return {name: peers[name].url for name in REAL} | {"outside": outside}


def who_reaches(peers, url):
    return {name for name, peer in peers.items() if peer.url != url and peer.reaches(url)}


def assert_reached_by(peers, url, expected, seconds=20.0):
    """Exactly these reach an address. Rules are written a moment after their policy is made, so it is asked again."""
    deadline = time.monotonic() + seconds
    while (found := who_reaches(peers, url)) != expected and time.monotonic() < deadline:
        time.sleep(0.3)
    assert found == expected


@pytest.mark.parametrize("asked", list(ADMITTED))
def test_only_those_reach_it_whom_the_policies_admit(peers, urls, asked):
    assert_reached_by(peers, urls[asked], ADMITTED[asked] - {asked})


def test_without_the_policies_everybody_reaches_everything(installed, peers, urls):
    made = json.loads(installed.kubectl("get", POLICIES, "-o", "json").stdout)
    for item in made["items"]:
        for field in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
            item["metadata"].pop(field, None)
    installed.kubectl("delete", POLICIES, "--all")
    try:
        for asked, url in urls.items():
            assert_reached_by(peers, url, EVERYBODY - {asked})
    finally:
        installed.kubectl("create", "-f", "-", stdin=json.dumps(made))
    for asked, url in urls.items():
        assert_reached_by(peers, url, ADMITTED[asked] - {asked})


@pytest.mark.parametrize(
    ("changes", "reached"),
    [
        ({"airGapped": False}, True),  # by networkPolicy.extraEgress
        ({"airGapped": False, "networkPolicy.extraEgress": []}, False),
        ({}, False),  # air-gapped: networkPolicy.extraEgress is left out
    ],
)
def test_an_air_gapped_model_server_reaches_names_and_nothing_else(
    cluster, installed, peers, outside, changes, reached
):
    more = [f"--set-json={key}={json.dumps(value)}" for key, value in changes.items()]
    command = (
        "template",
        "model-server",
        str(CHARTS / "model-server"),
        "--show-only=templates/networkpolicy.yaml",
    )
    values = ("--values", str(VALUES / "model-server.yaml"))
    installed.kubectl("apply", "-f", "-", stdin=installed.helm(*command, *values, *more).stdout)
    decoder = peers["decoder"]
    cluster.until("the changed rules", lambda: decoder.reaches(outside) is reached, seconds=20)
    assert decoder.resolves(f"assessor.{installed.namespace}.svc.cluster.local")
    assert not decoder.reaches(peers["mlflow"].url)


def test_a_port_forward_reaches_what_a_neighbour_does_not(cluster, installed, peers):
    decoder = peers["decoder"]
    assert not peers["neighbour"].reaches(decoder.url)
    asks = f"""
        kubectl --namespace={installed.namespace} port-forward deployment/model-server 18080:8080 >/dev/null &
        trap "kill $!" EXIT
        curl --silent --retry 50 --retry-delay 1 --retry-connrefused http://127.0.0.1:18080/health
    """
    assert json.loads(cluster.shell(asks).stdout) == {"status": "ok"}


def started(installed):
    """A pod of the assessor whose startup probe was answered."""
    for pod in installed.pods("app.kubernetes.io/component=assessor"):
        if all(status["started"] for status in pod["status"].get("containerStatuses", [{"started": False}])):
            return pod
    return None


def test_where_all_is_denied_the_assessor_still_gets_its_database(cluster):
    """A namespace whose owner denies all: migration, assessor and probes live by the chart's policies alone."""
    with cluster.namespace("closed") as namespace:
        closed = Installed(cluster, namespace)
        closed.kubectl("apply", "-f", str(SUPPORT / "closed.yaml"), "-f", str(SUPPORT / "postgres.yaml"))
        closed.kubectl("rollout", "status", "deployment/postgres", "--timeout=120s", timeout=150)
        postgres = Peer.of(cluster, closed.pods("app=postgres")[0])
        neighbour = visitor(cluster, namespace, "neighbour", app="neighbour")
        cluster.until("the denial", lambda: not neighbour.reaches(postgres.url), seconds=20)
        values = ("--values", str(VALUES / "assessor-two.yaml"))
        closed.helm(
            "install", "assessor-two", str(CHARTS / "assessor"), *values, timeout=150
        )  # migrates first
        pod = cluster.until("a probe that the kubelet passed", lambda: started(closed), seconds=90)
        assessor = Peer.of(cluster, pod)
        assert assessor.reaches(postgres.url)
        assert not neighbour.reaches(postgres.url)
        assert not neighbour.reaches(assessor.url)
        closed.kubectl("delete", POLICIES, "deny-all")
        cluster.until("the end of the denial", lambda: neighbour.reaches(assessor.url), seconds=20)
