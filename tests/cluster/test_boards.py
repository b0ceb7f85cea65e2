"""Every query of every board and rule on a Prometheus of the cluster, which the real operator configures from the charts' monitors.

The stack is installed as docs/guides/boards.md says. A panel must have data unless WITHOUT_DATA says what it needs.
"""

import json
import urllib.parse

import pytest

from dashboards.rules.alerts import alerts
from dashboards.rules.files import groups, settings_group
from dashboards.variables import filled
from tests.cluster.support.installed import TEXT, VALUES
from tests.dashboards.live import (
    CLUSTER,
    PANELS,
    WITHOUT_LIVE_DATA,
    repeated,
    variables,
    wait_for,
    wait_until,
)
from tests.e2e.prometheus import Prometheus
from tools.charts import ROOT
from tools.cluster import prometheus, stack
from tools.docs.blocks import blocks

pytestmark = [pytest.mark.cluster, pytest.mark.boards]

GUIDES = ROOT / "docs" / "guides"
# The rules of the month are evaluated every 10 minutes.
MONTH_SECONDS = 660
JOBS = ("evaluate", "drift")
BROKEN = "broken"
FIRING = f'ALERTS{{alertname="SignalboxJobFailed",state="failed",job_name="{BROKEN}",alertstate="firing"}}'
# What has data here and not on the local stack: keys of the API, jobs that were run, and kube-state-metrics.
HERE = {
    "signalbox-service": {"Clients"},
    "signalbox-answers": {"Accuracy", "Baselines", "Coverage", "Error by light"},
    "signalbox-jobs": {panel for panel, need in WITHOUT_LIVE_DATA["signalbox-jobs"].items()},
}
WITHOUT_DATA = {
    uid: {title: need for title, need in panels.items() if title not in HERE.get(uid, ())}
    for uid, panels in WITHOUT_LIVE_DATA.items()
}
WITH_DATA = [(board, panel) for board, panel in PANELS if panel.title not in WITHOUT_DATA.get(board.uid, {})]
OTHERS = [(board, panel) for board, panel in PANELS if (board, panel) not in WITH_DATA]


class ClusterPrometheus(Prometheus):
    """The same client, from inside the cluster."""

    def __init__(self, cluster):
        service = cluster.get("service", prometheus.SERVICE, f"--namespace={prometheus.NAMESPACE}")
        (pod,) = cluster.get(
            "pods", f"--namespace={prometheus.NAMESPACE}", "--selector=app.kubernetes.io/name=prometheus"
        )["items"]
        super().__init__(f"http://{pod['status']['podIP']}:{service['spec']['ports'][0]['port']}")
        self.cluster = cluster

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        url = f"{self.url}/api/v1/{path}?{query}"
        done = self.cluster.inside.run("curl", "--silent", "--show-error", "--max-time", "60", url)
        body = json.loads(done.stdout)
        assert body["status"] == "success", body
        return body["data"]


def guide_block(page, text):
    """The one block of a guide with this text."""
    (block,) = (block for block in blocks(GUIDES / page) if text in block.text)
    return block


class Stack:
    """What this file does with the stack again and again."""

    def __init__(self, cluster):
        self.cluster = cluster

    def kubectl(self, *words, **options):
        return self.cluster.kubectl(f"--namespace={stack.NAMESPACE}", *words, **options)

    def wait(self, *words):
        done = self.kubectl(*words, "--timeout=600s", check=False, timeout=620)
        assert done.returncode == 0, f"{done.stderr}\n{stack.state(self.cluster.inside)}"

    def ready(self, *deployments):
        for name in deployments:
            self.wait("rollout", "status", f"deployment/{name}")

    def send(self, path, body):
        """Send JSON to the assessor with the key of the chart; returns the answer."""
        key = self.cluster.secret(stack.NAMESPACE, "assessor-keys", "api-key")
        service = self.cluster.get("service", "assessor", f"--namespace={stack.NAMESPACE}")
        words = ("curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "110")
        headers = ("--header", f"Authorization: Bearer {key}", "--json", json.dumps(body))
        done = self.cluster.inside.run(*words, *headers, f"http://{service['spec']['clusterIP']}{path}")
        return json.loads(done.stdout)

    def assess(self, model):
        """A text for a model, and feedback to its answer."""
        answer = self.send("/v1/assess", {"text": TEXT, "language": "de", "model": model})
        self.send("/v1/feedback", {"prediction_id": answer["predictions"][0]["id"], "label": "yes"})

    def assess_both(self):
        for model in ("encoder", "decoder"):
            self.assess(model)

    def run_job(self, job):
        self.kubectl("create", "job", f"{job}-now", f"--from=cronjob/pipelines-{job}")
        self.wait("wait", f"job/{job}-now", "--for=condition=Complete")

    def break_job(self):
        """A job with an argument that it rejects, as after a typo in the values."""
        words = (
            "create",
            "job",
            BROKEN,
            "--from=cronjob/pipelines-evaluate",
            "--dry-run=client",
            "-o",
            "json",
        )
        job = json.loads(self.kubectl(*words).stdout)
        # Of no CronJob: the run of `evaluate` that follows would end its alert.
        job["metadata"].pop("ownerReferences", None)
        job["spec"]["backoffLimit"] = 1
        job["spec"]["template"]["spec"]["containers"][0]["args"] = ["--limit", "many"]
        self.kubectl("create", "-f", "-", stdin=json.dumps(job))


@pytest.fixture(scope="module")
def live(cluster):
    """Prometheus under traffic, after a decoder that was away, jobs that ran and one that failed."""
    with cluster.namespace(prometheus.NAMESPACE):
        installed = Stack(cluster)
        try:
            prometheus.install(cluster.inside)
            stack.provide_model(cluster.inside)
            install = guide_block("boards.md", "values-monitoring.yaml")
            cluster.shell(install.with_values(stack.VALUES, VALUES / "boards.yaml"), timeout=300)
            installed.ready("model-server", "assessor")
            installed.wait("wait", "--for=condition=Complete", "job", "--selector=signalbox/job=train")
            installed.ready("assessor-encoder")
            installed.break_job()
            installed.kubectl("scale", "deployment/model-server", "--replicas=0")
            installed.wait("wait", "--for=delete", "pod", "--selector=app.kubernetes.io/name=model-server")
            server = ClusterPrometheus(cluster)
            for _ in range(2):
                installed.assess("decoder")  # a call that fails, and an answer that is red
            installed.kubectl("scale", "deployment/model-server", "--replicas=1")
            installed.ready("model-server")
            with repeated(installed.assess_both):
                for job in JOBS:
                    installed.run_job(job)
                yield server
        finally:
            cluster.kubectl(
                "delete", "namespace", stack.NAMESPACE, "--ignore-not-found", "--timeout=110s", check=False
            )
            prometheus.remove(cluster.inside)


def test_prometheus_scrapes_each_part_of_the_stack(live):
    pools = {"assessor", "assessor-encoder", "model-server", "pipelines-metrics", "pipelines-mlflow"}
    expected = {f"{stack.NAMESPACE}/{name}" for name in pools}

    def healthy():
        targets = live.get("targets", state="active")["activeTargets"]
        up = {
            target["scrapePool"].split("/", 1)[1].rpartition("/")[0]
            for target in targets
            if target["health"] == "up"
        }
        return [up] if expected <= up else []

    assert wait_until(healthy), live.get("targets", state="active")["activeTargets"]


@pytest.mark.parametrize(
    ("board", "panel"), WITH_DATA, ids=[f"{board.uid}, {panel.title}" for board, panel in WITH_DATA]
)
def test_every_query_of_a_panel_has_data(board, panel, live):
    values = variables(live, board, stack.NAMESPACE)
    for query in panel.queries:
        expression = filled(query.expr, values, missing=".*")
        assert wait_for(live, expression, seconds=MONTH_SECONDS), f"no data: {expression}"


@pytest.mark.parametrize(
    ("board", "panel"), OTHERS, ids=[f"{board.uid}, {panel.title}" for board, panel in OTHERS]
)
def test_a_query_without_data_is_accepted(board, panel, live):
    assert WITHOUT_DATA[board.uid][panel.title] != CLUSTER
    for query in panel.queries:
        live.query(filled(query.expr))


def test_prometheus_evaluates_every_rule_of_the_chart_without_an_error(live):
    rules = [
        rule
        for group in live.get("rules")["groups"]
        if group["name"].startswith("signalbox")
        for rule in group["rules"]
    ]
    assert len(rules) == len(alerts()) + sum(len(group.rules) for group in (settings_group(), *groups()))
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] == "err"] == []


def test_a_job_that_failed_raises_its_alert(live):
    firing = (
        f'ALERTS{{alertname="SignalboxJobFailed",state="failed",job_name="{BROKEN}",alertstate="firing"}}'
    )
    (alert,) = wait_for(live, firing, seconds=MONTH_SECONDS)
    assert alert["metric"]["namespace"] == stack.NAMESPACE


def test_the_guide_shows_the_figures_and_the_first_steps_of_the_alert(live, cluster):
    assert wait_for(live, FIRING, seconds=MONTH_SECONDS)
    block = guide_block("monitoring.md", "service/prometheus-operated")
    script = f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\nPATH={ROOT}/.venv/bin:$PATH\n{block.text}"
    text = cluster.shell(script.replace("9090 &\n", "9090 >/dev/null &\nsleep 3\n")).stdout
    assert "http://127.0.0.1:9090" in text
    assert f'kubectl --namespace "{stack.NAMESPACE}" logs' in text
    assert BROKEN in text
