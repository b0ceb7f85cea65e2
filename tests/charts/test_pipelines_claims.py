"""Around the jobs of the pipelines' chart: volumes, nodes, networks, metrics, notes."""

import re
from pathlib import Path

import pytest
import yaml

from signalbox.settings import Settings
from tests.charts.conftest import POSTGRES, chart_folder, environment, example_file, one, pod_of, pods, render
from tests.charts.pipelines_chart import ALL_JOBS, job, mounts


def test_the_assessors_database_is_mounted_next_to_the_state():
    pod = pod_of(job("train", {}))
    where = mounts(pod)
    assert where == {"x-pipelines": "/var/lib/signalbox", "assessor": "/var/lib/signalbox-database"}
    url = environment(pod)["SIGNALBOX_DATABASE_URL"]["value"]
    assert url == f"sqlite:///{where['assessor']}/signalbox.db"


def test_one_claim_for_all_is_mounted_once():
    """The file is then where an assessor with that claim writes it."""
    objects = render("pipelines", {"persistence": {"existingClaim": "assessor"}})
    pod = pod_of(one(objects, "Job"))
    assert mounts(pod) == {"assessor": "/var/lib/signalbox"}
    assessor = one(render("assessor", name="assessor"), "Deployment", "assessor")
    theirs = pod_of(assessor)
    assert mounts(theirs) == mounts(pod)
    url = "SIGNALBOX_DATABASE_URL"
    assert environment(theirs)[url] == environment(pod)[url]
    assert [i for i in objects if i["kind"] == "PersistentVolumeClaim" and i["metadata"]["name"] == "assessor"] == []  # fmt: skip


def test_without_persistence_jobs_have_a_temporary_volume():
    objects = render("pipelines", {"persistence": {"enabled": False, "size": "2Gi"}})
    pod = pod_of(one(objects, "Job"))
    assert mounts(pod) == {"assessor": "/var/lib/signalbox-database"}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["state"] == {"name": "state", "emptyDir": {"sizeLimit": "2Gi"}}
    claims = [item["metadata"]["name"] for item in objects if item["kind"] == "PersistentVolumeClaim"]
    assert claims == ["x-pipelines-mlflow"]
    assert "affinity" not in pod_of(job("train", POSTGRES | {"persistence": {"enabled": False}}))


@pytest.mark.parametrize("key", ["persistence", "mlflow.persistence"])
def test_a_claim_is_retained_unless_the_values_disable_it(key):
    values: dict = {"retain": False}
    for part in reversed(key.split(".")):
        values = {part: values}
    retained = [
        item["metadata"]["name"]
        for item in render("pipelines", values)
        if "helm.sh/resource-policy" in item["metadata"].get("annotations", {})
    ]
    assert retained == ["x-pipelines-mlflow" if key == "persistence" else "x-pipelines"]


def test_topology_spread_constraints_select_the_pods_of_jobs():
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    template = job("train", {"topologySpreadConstraints": [spread]})["spec"]["template"]
    (constraint,) = template["spec"]["topologySpreadConstraints"]
    assert constraint["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


@pytest.mark.parametrize("key", ["image", "mlflow.image", "metrics.image"])
def test_pull_secrets_of_an_image_are_used_by_its_pods(key):
    values: dict = {"pullSecrets": ["own"]}
    for part in reversed(key.split(".")):
        values = {part: values}
    values["metrics"] = {"enabled": True} | values.get("metrics", {})
    images = [
        pod["containers"][0]["image"].partition(":")[0].rpartition("/")[2]
        for item in render("pipelines", values)
        for _, pod in pods(item)
        if pod.get("imagePullSecrets") == [{"name": "own"}]
    ]
    name = {"image": "pipelines", "mlflow.image": "mlflow", "metrics.image": "node-exporter"}[key]
    assert set(images) == {name}


def test_postgres_mounts_no_database():
    assert mounts(pod_of(job("train", POSTGRES))) == {"x-pipelines": "/var/lib/signalbox"}


@pytest.mark.parametrize("name", ["x-pipelines", "x-pipelines-mlflow"])
def test_a_claim_outlives_the_release(name):
    claim = one(render("pipelines"), "PersistentVolumeClaim", name)
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_pods_of_a_claim_for_one_node_have_an_affinity():
    many = {"persistence": {"accessModes": ["ReadWriteMany"]}}
    assert "affinity" in pod_of(job("train", POSTGRES))
    assert "affinity" in pod_of(job("train", many))  # SQLite is on another claim for one node
    assert "affinity" not in pod_of(job("train", many | POSTGRES))
    own = {"affinity": {"nodeAffinity": {}}}
    assert pod_of(job("train", own))["affinity"] == own["affinity"]


def test_the_preferred_node_is_that_of_the_assessors_pods():
    affinity = pod_of(job("train", {}))["affinity"]["podAffinity"]
    (term,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    labels = one(render("assessor"), "Deployment", "x-assessor")["spec"]["template"]["metadata"]["labels"]
    matches = {"In": lambda value, allowed: value in allowed, "NotIn": lambda value, allowed: value not in allowed}  # fmt: skip
    for rule in term["podAffinityTerm"]["labelSelector"]["matchExpressions"]:
        assert matches[rule["operator"]](labels[rule["key"]], rule["values"])


def test_the_policy_selects_every_job_and_the_test_and_allows_no_ingress():
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
    pod = pod_of(one(objects, "Deployment", "x-pipelines-metrics"))
    (option,) = [a for a in pod["containers"][0]["args"] if a.startswith("--collector.textfile.directory=")]
    settings = Settings(state_dir=Path("/var/lib/signalbox"))
    assert option.partition("=")[2] == str(settings.state_dir / "metrics")
    assert pod["containers"][0]["volumeMounts"][0]["readOnly"] is True
    # Our metric of a job is labeled `job`, as Prometheus labels its target.
    (endpoint,) = one(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] is True


def test_the_notes_have_schedules_and_risks(notes):
    text = notes({"jobs": {"evaluate": {"enabled": True, "schedule": "0 2 * * *"}}}, "pipelines")
    assert "create job evaluate-now --from=cronjob/x-pipelines-evaluate" in text
    assert "port-forward service/x-pipelines-mlflow 5000:80" in text
    assert re.search(r"evaluate +0 2 \* \* \* Etc/UTC", text)
    assert re.search(r"train +once", text)
    assert re.search(r"judge +disabled", text)
    assert "must share its node" in text
    assert "WARNING" not in text


def test_the_notes_warn_of_an_mlflow_that_accepts_every_host_name(notes):
    assert "WARNING: MLflow accepts every host name" in notes(
        {"mlflow": {"allowedHosts": ["*"]}}, "pipelines"
    )


def test_the_notes_name_objects_that_must_exist_and_the_path_of_a_release(notes):
    text = notes({}, "pipelines")
    assert "must exist in namespace models:\n  - PersistentVolumeClaim assessor\n\n" in text
    assert "  encoder.storageUri=pvc://x-pipelines/releases/encoder-v1\n" in text
    assert "  thresholds.existingClaim=x-pipelines\n" in text
    values = POSTGRES | {"persistence": {"existingClaim": "own"}, "caBundle": {"existingConfigMap": "house"}}
    names = ("ConfigMap house", "PersistentVolumeClaim own", "Secret signalbox-app")
    assert "models:\n" + "".join(f"  - {name}\n" for name in names) in notes(values, "pipelines")
    assert "encoder.storageUri" not in notes({"jobs": {"train": {"enabled": False}}}, "pipelines")


def test_the_notes_run_the_training_first_where_it_has_a_time(notes):
    """Without a release the encoder has nothing to serve."""
    jobs = {name: {"enabled": True, "schedule": "@daily"} for name in ("calibrate", "train")}
    text = notes({"jobs": jobs}, "pipelines")
    assert "create job train-now --from=cronjob/x-pipelines-train" in text
    jobs["calibrate"]["suspend"] = True
    assert re.search(r"calibrate +manually", notes({"jobs": jobs}, "pipelines"))


def test_the_notes_warn_of_texts_for_a_judge_outside_the_cluster(notes):
    judge = {"judge": {"url": "https://judge.example.org/v1"}}
    assert "All texts for the judge are sent to judge.example.org" in notes(judge, "pipelines")


# --- from the training to the encoder and the assessor ----------------------------------------------------


def rendered(chart: str, example: str) -> list[dict]:
    """An example installed under the name of its chart, as in docs/guides/pipelines.md."""
    values = yaml.safe_load(example_file(chart, example).read_text(encoding="utf-8"))
    return render(chart, values, name=chart)


def test_the_examples_serve_what_the_training_writes():
    """Assessor and manifest read from the claim and the folder to which the jobs of both examples write."""
    served = {
        one(rendered("assessor", "with-encoder"), "InferenceService")["spec"]["predictor"]["model"][
            "storageUri"
        ]
    }
    base = chart_folder("assessor").parents[1] / "manifests" / "kserve" / "base" / "inferenceservice.yaml"
    service = yaml.safe_load(base.read_text(encoding="utf-8"))
    served.add(service["spec"]["predictor"]["model"]["storageUri"])
    (uri,) = served
    claim, folder = re.fullmatch(r"pvc://([a-z-]+)/(.+)/encoder-v1", uri).groups()
    for example, kind in (("minimal", "Job"), ("nightly", "CronJob")):
        training = next(
            pod
            for item in rendered("pipelines", example)
            if item["kind"] == kind
            for _, pod in pods(item)
            if pod["containers"][0]["name"] == "train"
        )
        settings = Settings(state_dir=Path(mounts(training)[claim]))
        assert settings.releases_dir == settings.state_dir / folder
        assert environment(training)["SIGNALBOX_STATE_DIR"]["value"] == str(settings.state_dir)


def test_the_examples_use_one_decoder_one_encoder_and_one_set_of_thresholds():
    """Thresholds are valid for one model under one name, so the jobs must use the settings of the assessor."""
    assessor = rendered("assessor", "with-encoder")
    pod = pod_of(one(assessor, "Deployment"))
    jobs = [
        p for item in rendered("pipelines", "nightly") if item["kind"] == "CronJob" for _, p in pods(item)
    ]
    for name in ("SIGNALBOX_DECODER_URL", "SIGNALBOX_DECODER_MODEL", "SIGNALBOX_DECODER_CONSTRAINED"):
        values = [environment(job)[name]["value"] for job in jobs if name in environment(job)]
        assert {*values, environment(pod)[name]["value"]} == {values[0]}
    service = one(assessor, "InferenceService")["metadata"]["name"]
    urls = {environment(job)["SIGNALBOX_ENCODER_URL"]["value"] for job in jobs if "SIGNALBOX_ENCODER_URL" in environment(job)}  # fmt: skip
    assert urls == {f"http://{service}-predictor"}
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "thresholds"]
    assert volume["persistentVolumeClaim"]["claimName"] in {claim for job in jobs for claim in mounts(job)}
    (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "thresholds"]
    path = environment(pod)["SIGNALBOX_THRESHOLDS_PATH"]["value"]
    assert path == f"{mount['mountPath']}/{Settings().thresholds_dir.name}"
