"""The Job of the assessor's chart that creates and migrates the tables of Postgres."""

import subprocess
import sys

import pytest
import yaml

from signalbox.store.migrations import MIGRATIONS
from tests.charts.conftest import POSTGRES, environment, example_file, one, pod_of, pods, render
from tests.charts.pipelines_chart import ALL_JOBS
from tests.charts.test_kubeconform import assert_known
from tests.helpers import running_postgres

WAIT, SERVER_WAIT = "SIGNALBOX_DATABASE_WAIT_SECONDS", "SIGNALBOX_SERVER_WAIT_SECONDS"
PLAIN_URL = {"database": {"type": "postgres", "postgres": {"url": "postgresql://u:pw@db.example.org/d"}}}


def migrate_pod(values: dict) -> dict:
    return pod_of(one(render("assessor", values), "Job"))


def hook(document: dict) -> tuple[str | None, int]:
    annotations = document["metadata"].get("annotations", {})
    return annotations.get("helm.sh/hook"), int(annotations.get("helm.sh/hook-weight", "0"))


def test_postgres_is_migrated_before_pods_are_created_and_sqlite_by_its_pod():
    assert [item for item in render("assessor") if item["kind"] == "Job"] == []
    job = one(render("assessor", POSTGRES), "Job")
    assert hook(job) == ("pre-install,pre-upgrade", 0)
    annotations = job["metadata"]["annotations"]
    assert "hook-failed" not in annotations["helm.sh/hook-delete-policy"]  # its log can be read
    assert annotations["helm.sh/hook-output-log-policy"] == "hook-failed"


def test_the_migration_needs_no_object_that_is_created_after_it():
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


def test_the_migration_has_the_egress_of_the_pods_and_accepts_no_connections():
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


def test_what_needs_postgres_at_its_start_waits_for_it_within_its_pod():
    """A NetworkPolicy may apply to a pod a moment after its start: a retry by a new pod meets the same refusal."""
    charts = {"assessor": POSTGRES, "pipelines": ALL_JOBS | POSTGRES}
    programs = {
        item["metadata"]["labels"].get("signalbox/job", "migrate"): environment(pod)
        for chart, values in charts.items()
        for item in render(chart, values)
        if item["kind"] in {"Job", "CronJob"}
        for _, pod in pods(item)
    }
    waits = {
        name: variables.get(WAIT, {}).get("value")
        for name, variables in programs.items()
        if "SIGNALBOX_DATABASE_URL" in variables
    }
    assert {"migrate", "train", "drift", "judge"} <= set(waits)
    assert set(waits.values()) == {"60"}
    servers = {name: variables.get(SERVER_WAIT, {}).get("value") for name, variables in programs.items()}
    del servers["migrate"]  # it sends nothing to other servers
    assert set(servers.values()) == {"60"}
    job = one(render("assessor", POSTGRES), "Job")["spec"]
    pauses_seconds = sum(10 * 2**retry for retry in range(job["backoffLimit"]))
    assert (job["backoffLimit"] + 1) * 60 + pauses_seconds < job["activeDeadlineSeconds"]


@pytest.mark.slow
def test_the_migration_creates_the_tables_or_reports_the_error():
    main = migrate_pod(POSTGRES)["containers"][0]
    command = [sys.executable, *main["command"][1:]]

    def run(url: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": "/tmp", "SIGNALBOX_DATABASE_URL": url}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    with running_postgres() as server:
        url = server.create("migrated")
        first, second = run(url), run(url)
    away = run(url)
    assert (first.returncode, first.stdout) == (0, f"migrated: {', '.join(one.name for one in MIGRATIONS)}\n")
    assert (second.returncode, second.stdout) == (0, "nothing to migrate\n")
    assert away.returncode == 1
    error, hint = away.stderr.splitlines()
    assert error.startswith("error: Postgres: ")
    assert hint.startswith("hint: ")


def test_the_example_reads_the_secret_that_cloudnativepg_creates_for_its_cluster():
    example = example_file("assessor", "postgres-cloudnativepg")
    text = (example.parent / "cloudnativepg" / "cluster.yaml").read_text(encoding="utf-8")
    assert_known(text)
    cluster, policy = yaml.safe_load_all(text)
    postgres = yaml.safe_load(example.read_text(encoding="utf-8"))["database"]["postgres"]
    assert postgres["existingSecret"] == f"{cluster['metadata']['name']}-app"
    assert policy["spec"]["podSelector"]["matchLabels"] == {"cnpg.io/cluster": cluster["metadata"]["name"]}
