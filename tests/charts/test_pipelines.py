"""The pipelines' chart: what it refuses, what its jobs run and get, and whether MLflow answers where it is asked."""

import http.client
import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.evaluate import ROUTES
from signalbox.local.processes import Service, Supervisor
from signalbox.settings import Settings
from tests.charts.conftest import (
    EXAMPLES,
    chart_folder,
    pods,
    render,
    render_error,
    render_example,
)
from tests.helpers import free_port
from tools.charts.helm import template

CHART = chart_folder("pipelines")
PROGRAMS = yaml.safe_load((CHART / "files" / "jobs.yaml").read_text(encoding="utf-8"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
JUDGE = {"judge": {"url": "http://judge/v1"}}
POSTGRES = {"database": {"type": "postgres", "postgres": {"existingSecret": "signalbox-app"}}}
BUCKET = {"mlflow": {"postgres": {"existingSecret": "mlflow-app"}, "s3": {"uri": "s3://bucket/mlflow"}}}
ALL_JOBS = {"jobs": {name: {"enabled": True} for name in PROGRAMS}} | JUDGE
# Values that cannot work, with the key that is named and a part of the cure.
REFUSED = {
    "shards of a job that has none": (
        {"jobs": {"train": {"shards": 4}}},
        "jobs.train.shards: 4",
        "only judge can",
    ),
    "shards as an option": (
        JUDGE | {"jobs": {"judge": {"enabled": True, "args": ["--shards=4"]}}},
        'jobs.judge.args: "--shards=4"',
        "in jobs.judge.shards",
    ),
    "a schedule of four fields": (
        {"jobs": {"drift": {"enabled": True, "schedule": "0 2 * *"}}},
        'jobs.drift.schedule: "0 2 * *"',
        "Give five fields",
    ),
    "a word that cron does not know": (
        {"jobs": {"drift": {"schedule": "@nightly"}}},
        'jobs.drift.schedule: "@nightly"',
        "such as @daily",
    ),
    "a schedule for all that is none": (
        {"jobDefaults": {"schedule": "nightly"}},
        ".schedule: ",
        "Give five fields",
    ),
    "a time zone within the schedule": (
        {"jobs": {"drift": {"schedule": "CRON_TZ=UTC 0 2 * * *"}}},
        "names a time zone",
        "jobs.drift.timeZone",
    ),
    "a judge from nowhere": (
        {"jobs": {"judge": {"enabled": True}}},
        "judge.url: is empty",
        "Give the base URL of the judge",
    ),
    "no decoder to calibrate": (
        {"decoder": {"url": ""}, "jobs": {"calibrate": {"enabled": True}}},
        "decoder.url: is empty, while jobs.calibrate.enabled",
        "jobs.calibrate.enabled to false",
    ),
    "SQLite without a claim": (
        {"database": {"sqlite": {"existingClaim": ""}}},
        "database.sqlite.existingClaim",
        "Name the claim of the assessor",
    ),
    "a Secret of Postgres on SQLite": (
        {"database": {"postgres": {"existingSecret": "signalbox-app"}}},
        "database.type: sqlite",
        "Set database.type to postgres",
    ),
    "Postgres without a Secret": (
        {"database": {"type": "postgres"}},
        "database.postgres.existingSecret",
        "Name the Secret",
    ),
    "two servers of MLflow": (
        {"mlflow": {"url": "http://mlflow.example.org"}},
        'mlflow.url: "http://mlflow.example.org"',
        "Set mlflow.enabled to false",
    ),
    "no server of MLflow": ({"mlflow": {"enabled": False}}, "mlflow.url: is empty", "mlflow.enabled to true"),
    "two pods of MLflow on one volume": (
        {"mlflow": {"replicas": 2}},
        "mlflow.replicas: 2",
        "mlflow.s3.uri",
    ),
    "an entry of no Secret": (
        {"mlflow": {"postgres": {"uriKey": "uri"}}},
        "mlflow.postgres.existingSecret: is empty",
        "Name the Secret",
    ),
    "a store without a bucket": (
        {"mlflow": {"s3": {"endpoint": "http://minio:9000"}}},
        "mlflow.s3.uri: is empty",
        "Name the bucket",
    ),
    "the size of a claim that exists": (
        {"state": {"existingClaim": "c", "size": "5Gi"}},
        'state.size: "5Gi"',
        "Empty one of the two",
    ),
    "the class of a claim that exists": (
        {"mlflow": {"volume": {"existingClaim": "c", "storageClass": "fast"}}},
        'mlflow.volume.storageClass: "fast"',
        "Empty one of the two",
    ),
    "a floating tag": ({"mlflow": {"image": {"tag": "latest"}}}, 'mlflow.image.tag: "latest"', "a version"),
    "a job that is not known": ({"jobs": {"trian": {}}}, "/jobs", "'trian' not allowed"),
    "a misspelt key of a job": ({"jobs": {"drift": {"schedul": "@daily"}}}, "/jobs/drift", "'schedul'"),
    "shards by the dozen thousand": ({"jobs": {"judge": {"shards": 5000}}}, "/jobs/judge/shards", "maximum"),
    "a claim that is mounted nohow": ({"state": {"accessModes": ["ReadOnlyMany"]}}, "/state/accessModes", "one of"),
}  # fmt: skip


def one(objects: list[dict], kind: str, ending: str = "") -> dict:
    (found,) = [
        item for item in objects if item["kind"] == kind and item["metadata"]["name"].endswith(ending)
    ]
    return found


def job(name: str, values: dict | None = None, *args: str) -> dict:
    """The Job of this name; by default what else it needs is given."""
    given = {"jobs": {"train": {"enabled": False}, name: {"enabled": True}}} | JUDGE
    return one(
        render("pipelines", given if values is None else values, *args),
        "Job",
    )


def environment(pod: dict) -> dict[str, dict]:
    return {item["name"]: item for item in pod["containers"][0]["env"]}


def pod_of(item: dict) -> dict:
    return item["spec"]["template"]["spec"]


@pytest.fixture
def notes(tmp_path):
    """What helm says after an installation. `helm template` leaves it out, so a copy of the chart includes it."""
    chart = tmp_path / "pipelines"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "notes.yaml").write_text(
        'kind: Notes\ntext: |\n{{ include (print $.Template.BasePath "/NOTES.txt") . | indent 2 }}\n',
        encoding="utf-8",
    )

    def said(values: dict) -> str:
        done = template(chart, values=yaml.safe_dump(values))
        assert done.returncode == 0, done.stderr
        (found,) = [i for i in yaml.safe_load_all(done.stdout) if i and i["kind"] == "Notes"]
        return found["text"]

    return said


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_with_key_value_and_cure(case):
    values, key, cure = REFUSED[case]
    error = render_error("pipelines", values)
    assert key in error
    assert cure in error


# --- the table of jobs ------------------------------------------------------------------------------------


def test_every_job_of_the_values_has_its_program():
    assert VALUES["jobs"].keys() == PROGRAMS.keys()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_job_runs_a_program_that_exists_with_options_that_it_has(name):
    """The options are those of all examples, and what the chart adds by itself."""
    assert importlib.util.find_spec(PROGRAMS[name]["module"]) is not None
    command = [sys.executable, "-m", PROGRAMS[name]["module"], "--help"]
    wide = {**os.environ, "COLUMNS": "200", "TERMINAL_WIDTH": "200", "NO_COLOR": "1"}
    done = subprocess.run(command, env=wide, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    known = set(re.findall(r"--[a-z][a-z-]*", done.stdout))
    used = {word for word in arguments_of(name) if word.startswith("--")}
    used |= {"--shards"} if PROGRAMS[name]["shards"] else set()
    assert used <= known


def arguments_of(name: str) -> list[str]:
    """What the examples hand to a job."""
    found = []
    for chart, example in EXAMPLES:
        if chart == "pipelines":
            for document in render_example(chart, example):
                for _, pod in pods(document):
                    container = pod["containers"][0]
                    found += container.get("args", []) if container["name"] == name else []
    return found


def test_the_routes_in_the_examples_are_routes():
    given = arguments_of("evaluate")
    routes = {after for word, after in itertools.pairwise(given) if word == "--route"}
    assert routes == {"encoder", "decoder"}
    assert routes <= set(ROUTES)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_variable_of_a_job_is_a_setting_and_reads_as_one(name, monkeypatch):
    given = environment(pod_of(job(name)))
    known = {f"SIGNALBOX_{field.upper()}" for field in Settings.model_fields}
    ours = {key for key in given if key.startswith("SIGNALBOX_")}
    assert ours <= known
    for key in ours:
        monkeypatch.setenv(key, given[key].get("value", "from a Secret"))
    settings = Settings()
    assert settings.mlflow_base_url == "http://x-pipelines-mlflow:80"
    assert settings.releases_dir == Path("/var/lib/signalbox/releases")
    assert given.keys() >= {"HOME", "USER", "MLFLOW_DISABLE_TELEMETRY"}


def test_a_job_gets_the_keys_that_it_needs_and_no_others():
    keys = {"apiKey": {"existingSecret": "key"}}
    values = ALL_JOBS | POSTGRES | {"decoder": keys, "assessor": keys, "judge": {**JUDGE["judge"], **keys}}
    found = {
        item["metadata"]["labels"]["signalbox/job"]: {
            name for name, entry in environment(pod_of(item)).items() if "valueFrom" in entry
        }
        for item in render("pipelines", values)
        if item["kind"] == "Job"
    }
    database, decoder = "SIGNALBOX_DATABASE_URL", "SIGNALBOX_DECODER_API_KEY"
    asking = {"SIGNALBOX_API_KEY", decoder, database}
    assert found == {
        "train": {database},
        "calibrate": {decoder},
        "evaluate": asking,
        "compare": asking,
        "drift": {database},
        "judge": {"SIGNALBOX_JUDGE_API_KEY", database},
    }


@pytest.mark.parametrize(
    ("url", "named", "expected"),
    [
        ("http://assessor", None, {"name": "assessor-keys", "key": "api-key", "optional": True}),
        ("http://assessor:80", None, {"name": "assessor-keys", "key": "api-key", "optional": True}),
        ("http://assessor", "", None),
        ("http://assessor", "own", {"name": "own", "key": "api-key"}),
        ("https://assessor.example.org", None, None),
    ],
)
def test_the_key_of_the_assessor_is_the_one_that_its_chart_made_unless_another_is_named(url, named, expected):
    values = {"assessor": {"url": url, "apiKey": {"existingSecret": named}}}
    jobs = {"jobs": {"train": {"enabled": False}, "evaluate": {"enabled": True}}}
    env = environment(pod_of(job("evaluate", values | jobs)))
    found = env.get("SIGNALBOX_API_KEY", {}).get("valueFrom", {}).get("secretKeyRef")
    assert found == expected


def test_the_key_that_the_assessors_chart_makes_is_found():
    secret = one(render("assessor", name="assessor"), "Secret", "-keys")
    env = environment(pod_of(job("evaluate")))
    reference = env["SIGNALBOX_API_KEY"]["valueFrom"]["secretKeyRef"]
    assert reference["name"] == secret["metadata"]["name"]
    assert reference["key"] in secret["stringData"] | secret.get("data", {})


def test_no_key_is_in_any_object():
    assert [item for item in render("pipelines", ALL_JOBS) if item["kind"] == "Secret"] == []


def test_only_the_training_runs_when_nothing_is_said():
    objects = render("pipelines")
    assert [item["kind"] for item in objects if item["kind"] in ("Job", "CronJob")] == ["Job"]
    assert one(objects, "Job")["metadata"]["labels"]["signalbox/job"] == "train"


# --- Job and CronJob --------------------------------------------------------------------------------------


def test_a_schedule_makes_a_cronjob_of_a_job():
    values = {"jobs": {"drift": {"enabled": True, "schedule": "30 0 * * *", "timeZone": "Europe/Berlin"}}}
    spec = one(render("pipelines", values), "CronJob")["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("30 0 * * *", "Europe/Berlin")
    assert (spec["concurrencyPolicy"], spec["suspend"]) == ("Forbid", False)
    assert spec["startingDeadlineSeconds"] == 3600
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["name"] == "drift"


# Values that a merge would take for not given are among them.
OWN = {
    "backoffLimit": 0,
    "ttlSecondsAfterFinished": 0,
    "suspend": False,
    "successfulJobsHistoryLimit": 0,
    "activeDeadlineSeconds": 60,
    "concurrencyPolicy": "Replace",
    "startingDeadlineSeconds": None,
}


def test_a_jobs_own_values_win_over_the_defaults_even_when_they_are_nothing():
    defaults = {"suspend": True, "ttlSecondsAfterFinished": 9, "timeZone": "Asia/Tokyo"}
    values = {
        "jobDefaults": defaults,
        "jobs": {"drift": {"enabled": True, "schedule": "@daily", **OWN}},
    }
    cron = one(render("pipelines", values), "CronJob")["spec"]
    spec = cron["jobTemplate"]["spec"]
    found = {key: cron.get(key, spec.get(key)) for key in OWN}
    assert found == OWN
    assert cron["timeZone"] == "Asia/Tokyo"


def test_a_null_for_all_jobs_takes_the_limit_away():
    values = {
        "jobDefaults": {"startingDeadlineSeconds": None},
        "jobs": {"drift": {"enabled": True, "schedule": "@daily"}},
    }
    cron = one(render("pipelines", values), "CronJob")["spec"]
    assert "startingDeadlineSeconds" not in cron
    assert "ttlSecondsAfterFinished" not in cron["jobTemplate"]["spec"]


@pytest.mark.parametrize(
    "change",
    [
        {"image": {"tag": "0.1.1"}},
        {"jobs": {"train": {"run": "2026-11-25"}}},
        {"jobDefaults": {"activeDeadlineSeconds": 60}},
        {"task": {"path": "tasks/tickets"}},
    ],
)
def test_a_changed_job_has_a_new_name(change):
    """A Job's spec is immutable: under its old name, `helm upgrade` would fail."""
    before, after = job("train", {}), job("train", change)
    assert before["spec"] != after["spec"]
    assert before["metadata"]["name"] != after["metadata"]["name"]
    assert job("train", {})["metadata"]["name"] == before["metadata"]["name"]


@pytest.mark.parametrize(
    "change", [{"jobs": {"drift": {"enabled": True, "schedule": "@daily"}}}, {"mlflow": {"workers": 2}}]
)
def test_a_job_that_did_not_change_keeps_its_name_and_is_not_run_again(change):
    assert job("train", change)["metadata"]["name"] == job("train", {})["metadata"]["name"]


def test_a_new_version_of_the_chart_alone_trains_nothing(tmp_path):
    newer = tmp_path / "pipelines"
    shutil.copytree(CHART, newer)
    about = (newer / "Chart.yaml").read_text(encoding="utf-8")
    (newer / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*", "version: 9.9.9", about), encoding="utf-8")
    done = template(newer)
    made = one([item for item in yaml.safe_load_all(done.stdout) if item], "Job")
    assert made["metadata"]["labels"]["helm.sh/chart"] == "pipelines-9.9.9"
    assert made["metadata"]["name"] == job("train", {})["metadata"]["name"]
    assert made["spec"] == job("train", {})["spec"]


@pytest.mark.parametrize("length", [1, 30, 53])
def test_names_stay_within_what_kubernetes_allows(length):
    schedule = {"schedule": "@daily"}
    for values in (ALL_JOBS, ALL_JOBS | {"jobDefaults": schedule}):
        for item in render("pipelines", values, name="r" * length):
            name = item["metadata"]["name"]
            assert len(name) <= (52 if item["kind"] == "CronJob" else 63)
            assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)


def test_shards_make_an_indexed_job():
    values = {"jobs": {"judge": {"enabled": True, "shards": 8, "backoffLimit": 1}}} | JUDGE
    (spec,) = [i["spec"] for i in render("pipelines", values) if i["kind"] == "Job" and "judge" in i["metadata"]["name"]]  # fmt: skip
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 8, 8)
    assert spec["backoffLimitPerIndex"] == 1
    assert "backoffLimit" not in spec
    assert spec["template"]["spec"]["containers"][0]["args"] == ["--shards", "8"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_pod_that_was_evicted_does_not_count_and_wrong_input_is_not_tried_again(name):
    spec = job(name)["spec"]
    assert "completionMode" not in spec
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # which a failure policy asks for
    ignore, fail = spec["podFailurePolicy"]["rules"]
    assert ignore == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    assert fail["action"] == "FailJob"
    assert fail["onExitCodes"] == {"containerName": name, "operator": "In", "values": [2]}
    assert spec["template"]["spec"]["containers"][0]["name"] == name


# --- claims, nodes, networks ------------------------------------------------------------------------------


def mounts(pod: dict) -> dict[str, str]:
    """Claim → where it is mounted."""
    claims = {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v}  # fmt: skip
    return {claims[m["name"]]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"] if m["name"] in claims}  # fmt: skip


def test_the_assessors_database_is_mounted_beside_the_state():
    pod = pod_of(job("train", {}))
    where = mounts(pod)
    assert where == {"x-pipelines": "/var/lib/signalbox", "assessor": "/var/lib/signalbox-database"}
    url = environment(pod)["SIGNALBOX_DATABASE_URL"]["value"]
    assert url == f"sqlite:///{where['assessor']}/signalbox.db"


def test_one_claim_for_all_is_mounted_once():
    """The file then lies where an assessor with that claim writes it."""
    objects = render("pipelines", {"state": {"existingClaim": "assessor"}})
    pod = pod_of(one(objects, "Job"))
    assert mounts(pod) == {"assessor": "/var/lib/signalbox"}
    (assessor,) = [item for item in render("assessor", name="assessor") if item["kind"] == "Deployment"]
    theirs = assessor["spec"]["template"]["spec"]
    assert mounts(theirs) == mounts(pod)
    url = "SIGNALBOX_DATABASE_URL"
    assert environment(theirs)[url] == environment(pod)[url]
    assert [i for i in objects if i["kind"] == "PersistentVolumeClaim" and i["metadata"]["name"] == "assessor"] == []  # fmt: skip


def test_postgres_mounts_no_database():
    assert mounts(pod_of(job("train", POSTGRES))) == {"x-pipelines": "/var/lib/signalbox"}


@pytest.mark.parametrize("ending", ["pipelines", "mlflow"])
def test_a_claim_outlives_the_release(ending):
    claim = one(render("pipelines"), "PersistentVolumeClaim", ending)
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_pods_of_a_claim_for_one_node_prefer_that_node():
    many = {"state": {"accessModes": ["ReadWriteMany"]}}
    assert "affinity" in pod_of(job("train", POSTGRES))
    assert "affinity" in pod_of(job("train", many))  # SQLite lies on another claim for one node
    assert "affinity" not in pod_of(job("train", many | POSTGRES))
    own = {"affinity": {"nodeAffinity": {}}}
    assert pod_of(job("train", own))["affinity"] == own["affinity"]


def test_the_preferred_node_is_that_of_the_assessors_pods():
    affinity = pod_of(job("train", {}))["affinity"]["podAffinity"]
    (term,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    labels = one(render("assessor"), "Deployment")["spec"]["template"]["metadata"]["labels"]
    matches = {"In": lambda value, allowed: value in allowed, "NotIn": lambda value, allowed: value not in allowed}  # fmt: skip
    for rule in term["podAffinityTerm"]["labelSelector"]["matchExpressions"]:
        assert matches[rule["operator"]](labels[rule["key"]], rule["values"])


def test_the_policy_holds_for_every_job_and_for_the_test_and_nobody_may_call_them():
    objects = render("pipelines", ALL_JOBS)
    policy = one(objects, "NetworkPolicy", "x-pipelines")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    chosen = policy["podSelector"]["matchLabels"].items()
    for item in objects:
        if item["kind"] in ("Job", "Pod"):
            assert chosen <= item["spec"].get("template", item)["metadata"]["labels"].items()


def test_rules_of_the_values_are_added_for_jobs_and_for_mlflow():
    rule = {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}
    objects = render("pipelines", {"networkPolicy": {"extraEgress": [rule]}})
    policies = [item["spec"] for item in objects if item["kind"] == "NetworkPolicy"]
    assert len(policies) == 2
    assert all(rule in policy["egress"] for policy in policies)


def test_the_registry_of_every_image_can_be_replaced():
    values = ALL_JOBS | {"global": {"imageRegistry": "mirror.example.org"}, "metrics": {"enabled": True}}
    images = {
        item["image"]
        for document in render("pipelines", values)
        for _, pod in pods(document)
        for item in pod["containers"]
    }
    assert images == {
        "mirror.example.org/signalbox/pipelines:0.1.0",
        "mirror.example.org/signalbox/mlflow:0.1.0",
        "mirror.example.org/prometheus/node-exporter:v1.9.1",
    }


def test_the_exporter_reads_the_files_that_the_jobs_write():
    objects = render("pipelines", {"metrics": {"enabled": True}, "serviceMonitor": {"enabled": True}})
    pod = pod_of(one(objects, "Deployment", "metrics"))
    (option,) = [a for a in pod["containers"][0]["args"] if a.startswith("--collector.textfile.directory=")]
    settings = Settings(state_dir=Path("/var/lib/signalbox"))
    assert option.partition("=")[2] == str(settings.state_dir / "metrics")
    assert pod["containers"][0]["volumeMounts"][0]["readOnly"] is True
    # Our metric of a job is labelled `job`, as Prometheus labels its target.
    (endpoint,) = one(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] is True


# --- notes ------------------------------------------------------------------------------------------------


def test_the_notes_say_what_runs_when_and_what_may_go_wrong(notes):
    said = notes({"jobs": {"evaluate": {"enabled": True, "schedule": "0 2 * * *"}}})
    assert "create job evaluate-now --from=cronjob/x-pipelines-evaluate" in said
    assert "port-forward service/x-pipelines-mlflow 5000:80" in said
    assert re.search(r"evaluate +0 2 \* \* \* Etc/UTC", said)
    assert re.search(r"train +once", said)
    assert re.search(r"judge +off", said)
    assert "must share its node" in said
    assert "WARNING" not in said


def test_the_notes_warn_of_an_mlflow_that_answers_under_every_name(notes):
    assert "WARNING: MLflow answers under every host name" in notes({"mlflow": {"allowedHosts": ["*"]}})


# --- MLflow -----------------------------------------------------------------------------------------------


def test_runs_in_postgres_are_reached_by_the_entries_of_cloudnativepgs_secret():
    env = environment(pod_of(one(render("pipelines", BUCKET), "Deployment")))
    url = env["MLFLOW_BACKEND_STORE_URI"]["value"]
    names = re.findall(r"\$\((\w+)\)", url)
    assert list(env).index("MLFLOW_BACKEND_STORE_URI") > max(list(env).index(name) for name in names)
    secret = {name: env[name]["valueFrom"]["secretKeyRef"] for name in names}
    assert {ref["name"] for ref in secret.values()} == {"mlflow-app"}
    filled = re.sub(r"\$\((\w+)\)", lambda match: secret[match.group(1)]["key"], url)
    assert filled == "postgresql+pg8000://username:password@host:port/dbname"


def test_a_whole_url_of_postgres_is_taken_as_it_is():
    values = {"mlflow": {"postgres": {"existingSecret": "s", "uriKey": "url"}}}
    env = environment(pod_of(one(render("pipelines", values), "Deployment")))
    assert env["MLFLOW_BACKEND_STORE_URI"]["valueFrom"]["secretKeyRef"] == {"name": "s", "key": "url"}


def test_with_postgres_and_a_bucket_mlflow_has_no_volume_and_rolls():
    objects = render("pipelines", BUCKET | {"mlflow": {**BUCKET["mlflow"], "replicas": 2}})
    deployment = one(objects, "Deployment")
    assert deployment["spec"]["strategy"]["type"] == "RollingUpdate"
    assert mounts(pod_of(deployment)) == {}
    assert "mlflow" not in one(objects, "PersistentVolumeClaim")["metadata"]["name"]
    assert one(render("pipelines"), "Deployment")["spec"]["strategy"] == {"type": "Recreate"}


def test_an_mlflow_elsewhere_leaves_nothing_of_it_here():
    objects = render("pipelines", {"mlflow": {"enabled": False, "url": "https://mlflow.example.org"}})
    assert [item for item in objects if item["metadata"]["name"].endswith("mlflow")] == []
    env = environment(pod_of(one(objects, "Job")))
    assert env["SIGNALBOX_MLFLOW_URL"]["value"] == "https://mlflow.example.org"


ANSWERED = [
    "localhost", "localhost:9999", "127.0.0.1:5000",
    "x-pipelines-mlflow", "x-pipelines-mlflow:80", "x-pipelines-mlflow.models:5000", "x-pipelines-mlflow.models.svc",
    "x-pipelines-mlflow.models.svc:80", "x-pipelines-mlflow.models.svc.cluster.local", "10.244.3.17:5000",
    "mlflow.example.org",
]  # fmt: skip
REJECTED = [
    "example.org", "x-pipelines-mlflow.example.org", "x-pipelines-mlflow.other", "10.example.org:5000",
    "10.244.3.17.example.org:5000", "192.0.2.1:5000", "mlflow.example.org.example.com",
]  # fmt: skip


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory):
    """The real MLflow with the arguments and variables of the chart, on loopback and with its paths in a folder."""
    folder = tmp_path_factory.mktemp("mlflow")
    pod = pod_of(one(render("pipelines", {"mlflow": {"allowedHosts": ["mlflow.example.org"]}}), "Deployment"))
    container = pod["containers"][0]
    port = free_port()
    here = {"--host=": "--host=127.0.0.1", "--port=": f"--port={port}"}
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
        command=(sys.executable, "-m", *container["command"], *(local(a) for a in arguments)),
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
def test_mlflow_answers_under_every_name_that_it_is_asked_by(mlflow, host):
    assert status(mlflow, host, "/api/2.0/mlflow/experiments/search?max_results=1") == 200


@pytest.mark.slow
@pytest.mark.parametrize("host", REJECTED)
def test_mlflow_answers_under_no_other_name(mlflow, host):
    assert status(mlflow, host, "/api/2.0/mlflow/experiments/search?max_results=1") == 403


@pytest.mark.slow
def test_mlflow_shows_its_metrics_to_prometheus(mlflow):
    monitor = one(render("pipelines", {"serviceMonitor": {"enabled": True}}), "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert status(mlflow, "10.244.3.17:5000", endpoint["path"]) == 200


@pytest.mark.slow
def test_probes_are_answered_under_any_name(mlflow):
    """The kubelet asks by the pod's address."""
    assert status(mlflow, "172.30.1.2:5000", "/health") == 200


# --- helm test --------------------------------------------------------------------------------------------


def checked(tmp_path: Path, url: str, needs: str = "state database mlflow") -> subprocess.CompletedProcess:
    """Run what the pod of `helm test` runs, with its variables but in a folder of the test."""
    container = one(render("pipelines"), "Pod")["spec"]["containers"][0]
    given = {item["name"]: item["value"].replace("/var/lib", str(tmp_path)) for item in container["env"]}
    assert given["NEEDS"] == "state database mlflow"
    for folder in ("signalbox", "signalbox-database"):
        (tmp_path / folder).mkdir(exist_ok=True)
    _, *arguments = container["command"]
    given |= {"SIGNALBOX_MLFLOW_URL": url, "NEEDS": needs}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_helm_test_passes_when_all_that_is_needed_answers(tmp_path, mlflow):
    done = checked(tmp_path, mlflow.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"{need}: answers" for need in ("state", "database", "mlflow")]


def test_the_helm_test_names_what_does_not_answer_and_asks_the_rest(tmp_path):
    done = checked(tmp_path, f"http://127.0.0.1:{free_port()}", "mlflow state")
    assert done.returncode == 1
    assert re.search(r"^mlflow: URLError.*refused", done.stdout)
    assert done.stdout.endswith("state: answers\n")


def test_the_helm_test_can_ask_everything_that_a_job_may_need():
    script = one(render("pipelines", ALL_JOBS), "Pod")["spec"]["containers"][0]
    needs = {item["name"]: item.get("value") for item in script["env"]}["NEEDS"].split()
    assert set(needs) == {"state", *(need for program in PROGRAMS.values() for need in program["needs"])}
    table = script["command"][2].partition("CHECKS = {")[2].partition("}\n")[0]
    assert set(re.findall(r'^ +"(\w+)":', table, re.MULTILINE)) == set(needs)
