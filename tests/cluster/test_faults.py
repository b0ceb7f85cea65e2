"""Faults under load: what fails, which records are lost, and how long it takes until all is as before.

`make test-faults` prints the table of docs/reference/faults.md.
"""

import json
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from tests.cluster.support.installed import SUPPORT, TEXT, wait_gone
from tests.cluster.support.load import Target, load

pytestmark = [pytest.mark.cluster, pytest.mark.faults]

RELEASE = "resilient"
INSTANCE = f"app.kubernetes.io/instance={RELEASE}"
ASSESSORS = f"{INSTANCE},app.kubernetes.io/component=assessor"
ENCODERS = f"{INSTANCE},app.kubernetes.io/component=encoder"
SERVER = "app.kubernetes.io/instance=model-server,app.kubernetes.io/component=server"
DEPLOYMENTS = ("model-server", RELEASE, f"{RELEASE}-encoder", "postgres", "pipelines-mlflow")
AWAY_SECONDS = 30
COUNT = (
    "/usr/lib/postgresql/15/bin/psql --host=127.0.0.1 --username=signalbox --dbname=postgres --tuples-only "
    "--no-align --command='select count(*) from record'"
)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    fault: str
    requests: int
    failed: dict[str, int]
    lost: int
    recovery_seconds: float


class Faults:
    """The faults, each a method: `with` it, the fault is there; after it, the cause is gone."""

    def __init__(self, installed):
        self.installed = installed
        self.kubectl = installed.kubectl

    def upgrade_of_the_assessor(self):
        self._upgrade(RELEASE, "assessor", "--set=limits.maxTexts=32", ASSESSORS)

    def upgrade_of_the_encoder(self):
        self._upgrade(RELEASE, "assessor", "--set=limits.maxTexts=32,encoder.threads=2", ENCODERS)

    def upgrade_of_the_model_server(self):
        changed = f"--set=podAnnotations.changed=t{time.time_ns()}"
        self._upgrade("model-server", "model-server", changed, SERVER)

    def an_assessor_is_deleted(self):
        self._delete(ASSESSORS)

    def an_encoder_is_deleted(self):
        self._delete(ENCODERS)

    def the_model_server_is_deleted(self):
        self._delete(SERVER)

    def an_assessor_is_killed(self):
        """The process ends at once, as after a crash: requests that it has are lost to their clients."""
        pod = self.installed.pods(ASSESSORS)[0]
        container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        kill = ("ctr", "--namespace=k8s.io", "tasks", "kill", "--signal", "SIGKILL", container)
        self.installed.cluster.inside.run(*kill)
        time.sleep(2)

    def the_node_is_drained(self):
        """The one node: evicted pods wait for it, and the budgets keep the others."""
        drain = ("drain", "signalbox-test", "--delete-emptydir-data", "--ignore-daemonsets", "--force")
        done = self.kubectl(*drain, f"--pod-selector={INSTANCE}", f"--timeout={AWAY_SECONDS}s", check=False)
        assert "disruption budget" in done.stderr, done.stdout + done.stderr
        self.kubectl("uncordon", "signalbox-test")

    def postgres_is_away(self):
        self._scale_to_zero("postgres")

    def mlflow_is_away(self):
        self._scale_to_zero("pipelines-mlflow")

    def the_api_server_is_away(self):
        inside = self.installed.cluster.inside
        pid = (inside.layout.work / "pids" / "kube-apiserver").read_text(encoding="utf-8").strip()
        inside.run("kill", "-STOP", pid)
        try:
            time.sleep(AWAY_SECONDS)
        finally:
            inside.run("kill", "-CONT", pid)

    def the_spool_is_full_while_postgres_is_away(self):
        self._scale_to_zero("postgres")

    def _upgrade(self, release, chart, change, selector):
        self.installed.install(chart, change, release=release)
        wait_gone(self.installed, selector, seconds=200)

    def _delete(self, selector):
        pod = self.installed.pods(selector)[0]
        self.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=true", "--timeout=200s", timeout=220)

    def _scale_to_zero(self, deployment):
        self.kubectl("scale", f"deployment/{deployment}", "--replicas=0")
        try:
            time.sleep(AWAY_SECONDS)
        finally:
            self.kubectl("scale", f"deployment/{deployment}", "--replicas=1")


# Fault → whether no request may fail. A process that is killed takes the requests that it has with it.
FAULTS = {
    "upgrade_of_the_assessor": True,
    "upgrade_of_the_encoder": True,
    "upgrade_of_the_model_server": True,
    "an_assessor_is_deleted": True,
    "an_encoder_is_deleted": True,
    "the_model_server_is_deleted": False,
    "an_assessor_is_killed": False,
    "the_node_is_drained": True,
    "postgres_is_away": True,
    "mlflow_is_away": True,
    "the_api_server_is_away": True,
    "the_spool_is_full_while_postgres_is_away": True,
}


@pytest.fixture(scope="module")
def resilient(installed, pipelines):
    """The release under load, on a Postgres that keeps its data."""
    installed.kubectl("apply", "-f", str(SUPPORT / "postgres.yaml"))
    installed.kubectl("rollout", "status", "deployment/postgres", "--timeout=120s", timeout=150)
    installed.install("assessor", release=RELEASE)
    yield installed
    installed.helm("uninstall", RELEASE, "--wait")


@pytest.fixture(scope="module")
def rows():
    """The lines of the table, as the tests add them."""
    return []


def targets(installed):
    """All services that are asked, and how."""
    key, server_key = installed.key(f"{RELEASE}-keys"), installed.key("model-server-key")
    assessor, encoder = installed.address(RELEASE), installed.address(f"{RELEASE}-encoder")
    assess = json.dumps({"text": TEXT, "language": "en", "model": "encoder"})
    predict = json.dumps({"instances": [TEXT]})
    chat = "/v1/chat/completions"
    return [
        Target("assessor", "wrk", f"{assessor}/v1/assess", key, assess, records=True),
        Target("encoder", "wrk", f"{encoder}/v1/models/encoder:predict", body=predict),
        Target("stream", "stream", f"{assessor}{chat}", key),
        Target("llama.cpp", "chat", f"{installed.address('model-server')}{chat}", server_key),
    ]


def stored(installed):
    """Records in the database; None while it is away."""
    done = installed.kubectl("exec", "deployment/postgres", "--", "sh", "-c", COUNT, check=False)
    return int(done.stdout) if done.returncode == 0 else None


def is_whole(installed):
    """Whether each Deployment has all its pods, and none is on its way out."""
    listed = json.loads(installed.kubectl("get", "deployments", "-o", "json").stdout)["items"]
    status = {item["metadata"]["name"]: item for item in listed if item["metadata"]["name"] in DEPLOYMENTS}
    assert len(status) == len(DEPLOYMENTS)
    return all(
        item["status"].get("availableReplicas", 0)
        == item["status"].get("replicas", 0)
        == item["spec"]["replicas"]
        for item in status.values()
    )


@contextmanager
def full_spool(installed):
    """A spool on a file system of 64 KiB, which holds fewer records than come in."""
    state = {"name": "state", "emptyDir": {"medium": "Memory", "sizeLimit": "64Ki"}}
    template = {"spec": {"volumes": [state]}}
    installed.install("assessor", f"--set-json=podTemplate={json.dumps(template)}", release=RELEASE)
    wait_gone(installed, ASSESSORS, seconds=200)
    yield
    installed.install("assessor", release=RELEASE)


@pytest.mark.parametrize("fault", FAULTS)
def test_under_load(resilient, rows, fault, tmp_path, request):
    if fault == "the_spool_is_full_while_postgres_is_away":
        request.getfixturevalue("spool_of_64_kib")
    cluster = resilient.cluster
    cluster.until("all pods", lambda: is_whole(resilient), seconds=200)
    before = stored(resilient)
    with load(cluster, targets(resilient), tmp_path) as counts:
        getattr(Faults(resilient), fault)()
        start = time.monotonic()
        cluster.until("all pods again", lambda: is_whole(resilient), seconds=200)
        recovery = time.monotonic() - start
    answers = counts["assessor"].requests - counts["assessor"].failed
    expected = before + answers
    with suppress(AssertionError):  # the number that is lost says it
        cluster.until("all records", lambda: (stored(resilient) or 0) >= expected, seconds=60)
    lost = max(0, expected - stored(resilient))
    failed = {name: count.failed for name, count in counts.items() if count.failed}
    reasons = {name: count.failures[:5] for name, count in counts.items() if count.failures}
    total = sum(count.requests for count in counts.values())
    rows.append(Row(fault.replace("_", " "), total, failed, lost, recovery))
    print(rows[-1], reasons)
    assert lost == 0
    assert all(count.requests >= 3 for count in counts.values()), counts
    if FAULTS[fault]:
        assert not failed, reasons


@pytest.fixture
def spool_of_64_kib(resilient):
    with full_spool(resilient):
        yield


def test_the_table(rows):
    print("\n| fault | requests | failed | lost records | recovery |\n|---|---|---|---|---|")
    for row in rows:
        failed = ", ".join(f"{number} ({name})" for name, number in row.failed.items()) or "0"
        print(f"| {row.fault} | {row.requests} | {failed} | {row.lost} | {row.recovery_seconds:.0f} s |")
    assert len(rows) == len(FAULTS)
