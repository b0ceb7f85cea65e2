"""The charts installed by helm on a real cluster: they answer, keep answering, and keep what must be kept."""

import json
import threading
import time

import pytest

from tests.cluster.support.installed import SUPPORT, TEXT, as_printed, wait_gone

pytestmark = pytest.mark.cluster

SERVER = "app.kubernetes.io/name=model-server,app.kubernetes.io/component=server"
ASSESSOR = "app.kubernetes.io/name=assessor,app.kubernetes.io/component=assessor"
CHAT = {"messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 8}


def chat(installed, **changes):
    """The shell's line that asks the model server through its Service; prints the body and the status."""
    body = json.dumps(CHAT | changes)
    key = installed.key("model-server-key")
    return (
        f"curl --silent --show-error --max-time 120 -w '\\n%{{http_code}}\\n' -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d '{body}' {installed.address('model-server')}/v1/chat/completions"
    )


def assess(installed, model, texts, release="assessor"):
    """The same for the assessor."""
    body = json.dumps({"texts": texts, "language": "en", "model": model})
    key = installed.key(f"{release}-keys")
    return (
        f"curl --silent --show-error --max-time 120 -w '\\n%{{http_code}}\\n' -H 'Authorization: Bearer {key}' "
        f"--json '{body}' {installed.address(release)}/v1/assess"
    )


def in_background(cluster, script):
    """Run a script in the cluster in a thread; joining it gives what was printed."""
    printed = []
    thread = threading.Thread(target=lambda: printed.append(cluster.shell(script, check=False, timeout=600)))
    thread.start()

    def joined():
        thread.join()
        return printed[0].stdout

    return joined


def test_the_notes_of_the_model_server_work_as_printed(cluster, model_server):
    answer = json.loads(as_printed(cluster, model_server))
    assert answer["choices"][0]["message"]["content"]


def test_the_notes_of_the_assessor_work_as_printed(cluster, assessor):
    assert as_printed(cluster, assessor).count('"verdict"') == 1


@pytest.mark.parametrize("release", ["model-server", "assessor"])
def test_helm_test_asks_the_models(installed, assessor, release):
    done = installed.helm("test", release, "--timeout=3m", check=False, timeout=200)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{installed.state()}"
    assert "Phase:          Succeeded" in done.stdout


@pytest.mark.parametrize("model", ["encoder", "decoder", "cascade"])
def test_every_route_answers_through_the_service(cluster, installed, assessor, model):
    body, status = cluster.shell(assess(installed, model, [TEXT])).stdout.splitlines()
    assert status == "200", body
    (prediction,) = json.loads(body)["predictions"]
    assert prediction["light"]["color"] == "yellow", body
    assert prediction["verdict"] in ("yes", "no", "neutral")


def test_without_the_key_nobody_is_answered(cluster, installed, assessor):
    for service, path in (("model-server", "/v1/chat/completions"), ("assessor", "/v1/assess")):
        ask = f"curl --silent -o /dev/null -w '%{{http_code}}' -d '{{}}' {installed.address(service)}{path}"
        assert cluster.shell(ask).stdout == "401"


def test_keys_outlive_upgrade_and_rollback(installed, assessor):
    secrets = ("model-server-key", "assessor-keys")
    before = [installed.key(secret) for secret in secrets]
    assert all(len(key) >= 20 for key in before)
    for release in ("model-server", "assessor"):
        installed.install(release, "--set=podDisruptionBudget.maxUnavailable=2")
    assert [installed.key(secret) for secret in secrets] == before
    for release in ("model-server", "assessor"):
        installed.helm("rollback", release, "1", "--wait", "--timeout=4m", timeout=300)
    assert [installed.key(secret) for secret in secrets] == before


def statuses_during(cluster, asks, done, change):
    """Ask again and again while something changes; the statuses of all answers."""
    loop = f"for _ in $(seq 500); do [ -e {done} ] && break; {asks} | tail -1; sleep 0.2; done"
    answers = in_background(cluster, loop)
    try:
        change()
    finally:
        done.touch()
    return answers().split()


def test_an_upgrade_of_the_model_server_fails_no_request(cluster, installed, assessor, tmp_path):
    before = {pod["metadata"]["uid"] for pod in installed.pods(SERVER)}

    def upgrade():
        installed.install("model-server", f"--set=podAnnotations.changed=t{time.time_ns()}")
        wait_gone(installed, SERVER)

    statuses = statuses_during(cluster, chat(installed), tmp_path / "done", upgrade)
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in installed.pods(SERVER))
    assert len(statuses) >= 3
    assert set(statuses) == {"200"}


def test_an_upgrade_of_two_assessors_on_postgres_fails_no_request(cluster, installed, assessor, tmp_path):
    installed.kubectl("apply", "-f", str(SUPPORT / "postgres.yaml"))
    installed.kubectl("rollout", "status", "deployment/postgres", "--timeout=120s", timeout=150)
    installed.install("assessor", release="assessor-two")
    selector = "app.kubernetes.io/instance=assessor-two,app.kubernetes.io/component=assessor"
    before = {pod["metadata"]["uid"] for pod in installed.pods(selector)}
    assert len(before) == 2

    def upgrade():
        installed.install("assessor", "--set=limits.maxTexts=32", release="assessor-two")
        wait_gone(installed, selector)

    asks = assess(installed, "encoder", [TEXT], release="assessor-two")
    statuses = statuses_during(cluster, asks, tmp_path / "done", upgrade)
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in installed.pods(selector))
    assert len(statuses) >= 3
    assert set(statuses) == {"200"}
    installed.helm("uninstall", "assessor-two")


@pytest.mark.parametrize("service", ["model-server", "assessor"])
def test_what_has_begun_is_finished_when_its_pod_ends(cluster, installed, assessor, service):
    asks, selector = {
        "model-server": (chat(installed, max_tokens=16), SERVER),
        "assessor": (assess(installed, "decoder", [f"{TEXT} {number}" for number in range(3)]), ASSESSOR),
    }[service]
    (pod,) = installed.pods(selector)
    answer = in_background(cluster, asks)
    time.sleep(0.7)  # on its way, and not yet done
    installed.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
    *_, status = answer().splitlines()
    assert status == "200"
    wait_gone(installed, selector)
    installed.kubectl("rollout", "status", f"deployment/{service}", "--timeout=120s", timeout=150)
