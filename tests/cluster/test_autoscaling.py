"""The autoscaler that charts/model-server renders starts and removes replicas, on a stand-in for external metrics."""

import json
import sys

import pytest

from tests.cluster.support import external_metrics

pytestmark = pytest.mark.cluster

SCALING = (
    "--set=autoscaling.enabled=true",
    "--set=autoscaling.kind=hpa",
    "--set=autoscaling.maxReplicas=2",
    "--set=autoscaling.cooldownSeconds=5",
)


@pytest.fixture
def waiting(cluster, tmp_path):
    """A function that sets how many requests wait."""
    file, pki = tmp_path / "value", cluster.inside.layout.work / "pki"
    file.write_text("0", encoding="utf-8")
    program = (sys.executable, "-m", "tests.cluster.support.external_metrics", str(external_metrics.PORT))
    cluster.inside.start(
        "external-metrics", *program, str(pki / "webhook.crt"), str(pki / "webhook.key"), str(file)
    )
    try:
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(external_metrics.objects()))
        registered = f"apiservice/{external_metrics.VERSION}.{external_metrics.GROUP}"
        cluster.kubectl("wait", registered, "--for=condition=Available", "--timeout=60s")
        yield lambda number: file.write_text(str(number), encoding="utf-8")
    finally:
        cluster.kubectl("delete", "-f", "-", stdin=json.dumps(external_metrics.objects()), check=False)
        pid = cluster.inside.layout.work / "pids" / "external-metrics"
        cluster.inside.run("kill", pid.read_text(encoding="utf-8").strip(), check=False)
        pid.unlink()


def replicas(installed):
    words = ("get", "deployment", "model-server", "-o", "json")
    return json.loads(installed.kubectl(*words).stdout)["status"].get("readyReplicas", 0)


def test_requests_that_wait_start_a_replica_and_quiet_removes_it(cluster, installed, assessor, waiting):
    installed.install("model-server", *SCALING)
    try:
        waiting(8)  # the chart's target is 4 per server
        cluster.until("a second replica", lambda: replicas(installed) == 2, seconds=180)
        waiting(0)
        cluster.until("one replica", lambda: replicas(installed) == 1, seconds=180)
    finally:
        installed.install("model-server")
