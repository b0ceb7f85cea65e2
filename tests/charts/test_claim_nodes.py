"""Pods that share a claim which one node can mount at a time run on one node, whichever of them starts first."""

import pytest

from tests.charts.conftest import POSTGRES, one, pod_of, render

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
MANY = {"persistence": {"accessModes": ["ReadWriteMany"]}}
# Values of the stack with every pod that mounts the shared claim.
STACK = {"pipelines": {"metrics": {"enabled": True}, "helmTest": {"enabled": True}}}


def templates(objects):
    """Name of each workload or pod → its pod, with labels and spec."""
    for item in objects:
        match item["kind"]:
            case "Deployment" | "Job":
                yield item["metadata"]["name"], item["spec"]["template"]
            case "CronJob":
                yield item["metadata"]["name"], item["spec"]["jobTemplate"]["spec"]["template"]
            case "Pod":
                yield item["metadata"]["name"], item


def claims(pod):
    volumes = pod["spec"].get("volumes", [])
    return {v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v}


def terms(pod, rule=REQUIRED):
    return pod["spec"].get("affinity", {}).get("podAffinity", {}).get(rule, [])


def matches(term, pod):
    wanted = term["labelSelector"]["matchLabels"]
    return wanted.items() <= pod["metadata"]["labels"].items()


def sharers(objects, claim):
    return {name: pod for name, pod in templates(objects) if claim in claims(pod)}


def test_all_pods_of_the_shared_claim_require_one_node():
    """Each term matches its own pod, too, or the first pod could never start."""
    pods = sharers(render("signalbox", STACK), "assessor")
    assert {"assessor", "assessor-encoder", "pipelines-metrics", "pipelines-evaluate", "pipelines-check"} <= pods.keys()  # fmt: skip
    for name, pod in pods.items():
        (term,) = terms(pod)
        assert term["topologyKey"] == "kubernetes.io/hostname"
        assert [other for other, each in pods.items() if not matches(term, each)] == [], name


def test_pods_without_the_claim_do_not_attract_its_pods():
    objects = render("signalbox", STACK)
    (term,) = terms(sharers(objects, "assessor")["assessor"])
    others = [pod for _, pod in templates(objects) if "assessor" not in claims(pod)]
    assert others
    assert not any(matches(term, pod) for pod in others)


def test_separate_releases_share_the_claim_of_the_jobs():
    """With thresholds on it, the assessor mounts two claims; the encoder, which never releases its own, decides."""
    objects = render("assessor", {"thresholds": {"existingClaim": "pipelines"}}, name="assessor")
    objects += render("pipelines", {"metrics": {"enabled": True}}, name="pipelines")
    pods = sharers(objects, "pipelines")
    assert {"assessor", "assessor-encoder", "pipelines-metrics"} <= pods.keys()
    for name, pod in pods.items():
        (term,) = terms(pod)
        assert all(matches(term, each) for each in pods.values()), name


def test_jobs_with_a_claim_for_many_nodes_require_the_node_of_the_database():
    (assessor,) = (pod for name, pod in templates(render("assessor", name="assessor")) if name == "assessor")
    jobs = [pod for name, pod in templates(render("pipelines", MANY)) if "train" in name]
    for pod in jobs:
        (term,) = terms(pod)
        assert matches(term, assessor)
        assert matches(term, pod)
    assert jobs


@pytest.mark.parametrize(
    ("chart", "values"),
    [
        ("assessor", MANY),
        ("assessor", {"persistence": {"enabled": False}}),
        ("assessor", POSTGRES | {"thresholds": {"existingClaim": "pipelines"}}),
        ("pipelines", POSTGRES | MANY),
    ],
)
def test_a_claim_that_several_nodes_may_mount_requires_none(chart, values):
    assert not [term for _, pod in templates(render(chart, values)) for term in terms(pod)]


def test_two_assessors_with_thresholds_on_a_claim_may_run_on_two_nodes():
    values = POSTGRES | {"thresholds": {"existingClaim": "pipelines"}}
    assert "affinity" not in pod_of(one(render("assessor", values), "Deployment", "x-assessor"))
    single = pod_of(one(render("assessor", values | {"replicas": 1}), "Deployment", "x-assessor"))
    assert PREFERRED in single["affinity"]["podAffinity"]


def test_an_assessor_without_a_claim_has_no_affinity():
    objects = render("assessor", POSTGRES)
    assert "affinity" not in pod_of(one(objects, "Deployment", "x-assessor"))


def test_affinity_of_the_values_replaces_that_of_the_claim():
    own = {"affinity": {"nodeAffinity": {}}}
    objects = render("assessor", own)
    assert pod_of(one(objects, "Deployment", "x-assessor"))["affinity"] == own["affinity"]


def test_several_encoders_on_the_volume_of_sqlite_share_its_node():
    encoder = {"storageUri": "pvc://x-assessor/releases", "minReplicas": 2, "maxReplicas": 2}
    pods = sharers(render("assessor", {"encoder": encoder}), "x-assessor")
    assert len(pods) == 2
    assert all(terms(pod) for pod in pods.values())


def test_an_encoder_on_kserve_follows_its_claim():
    values = {"encoder": {"kserve": True, "storageUri": "pvc://x-assessor/releases/encoder-v1"}}
    objects = render("assessor", values)
    predictor = one(objects, "InferenceService")["spec"]["predictor"]
    (term,) = terms({"spec": predictor})
    assert matches(term, {"metadata": predictor})
    assessor = one(objects, "Deployment", "x-assessor")["spec"]["template"]
    assert matches(term, assessor)
    elsewhere = render("assessor", {"encoder": {"kserve": True, "storageUri": "s3://models/encoder"}})
    assert "affinity" not in one(elsewhere, "InferenceService")["spec"]["predictor"]


def test_a_claim_with_a_long_name_has_a_valid_label():
    claim = "a" * 62 + "-" + "b" * 40
    (pod,) = sharers(render("assessor", {"persistence": {"existingClaim": claim}}), claim).values()
    assert "claim.signalbox.dev/" + "a" * 62 in pod["metadata"]["labels"]
