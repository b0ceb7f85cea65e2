"""Everything that the repository renders is taken by a real API server, and its pods keep `restricted`."""

import pytest
import yaml

from tools.charts import ROOT, charts
from tools.charts.render import GENERATED, examples, golden

pytestmark = pytest.mark.cluster

RENDERS = [golden(example) for chart in charts() for example in examples(chart)]
OVERLAYS = sorted(path.parent for path in (ROOT / "manifests" / "kserve").rglob("kustomization.yaml"))
DRY = ("apply", "--server-side", "--dry-run=server", "--validate=strict")


@pytest.fixture(scope="module")
def signalbox(cluster):
    cluster.kubectl("apply", "-k", str(ROOT / "manifests" / "cluster"))
    return "signalbox"


@pytest.fixture(scope="module")
def models(cluster, signalbox):
    """The namespace that the renders name; some name priority classes of manifests/cluster."""
    with cluster.namespace("models") as name:
        yield name


def warnings(text):
    return [line for line in text.splitlines() if line.startswith("Warning:")]


@pytest.mark.parametrize("path", RENDERS, ids=lambda path: f"{path.parents[2].name}-{path.stem}")
def test_every_render_is_taken_without_a_warning(cluster, models, path):
    # A generated key is masked in the renders, and the mask is no base64.
    text = path.read_text(encoding="utf-8").replace(GENERATED, "c2VjcmV0")
    # A pod needs its account, and a dry run makes none.
    accounts = [item for item in yaml.safe_load_all(text) if item and item["kind"] == "ServiceAccount"]
    if accounts:
        words = ("apply", "--server-side", f"--namespace={models}", "-f", "-")
        cluster.kubectl(*words, stdin=yaml.safe_dump_all(accounts))
    done = cluster.kubectl(*DRY, f"--namespace={models}", "-f", "-", stdin=text, check=False)
    assert done.returncode == 0, done.stderr
    assert warnings(done.stderr) == []


def test_the_clusters_manifests_are_applied_and_in_force(cluster, signalbox):
    labels = cluster.get("namespace", signalbox)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    quotas = cluster.until(
        "the quotas' counts",
        lambda: [
            item
            for item in cluster.get("resourcequota", f"--namespace={signalbox}")["items"]
            if item.get("status", {}).get("hard")
        ],
    )
    assert quotas
    assert cluster.get("priorityclass", "signalbox-batch")["preemptionPolicy"] == "Never"


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name)
def test_kserves_webhooks_take_the_encoder(cluster, signalbox, folder):
    done = cluster.kubectl(*DRY, "-k", str(folder), check=False)
    assert done.returncode == 0, done.stderr
    assert warnings(done.stderr) == []


def test_a_careless_pod_is_refused(cluster, signalbox):
    pod = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}'
    done = cluster.kubectl(*DRY, f"--namespace={signalbox}", "-f", "-", stdin=pod, check=False)
    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr


def test_kserves_webhooks_refuse_an_encoder_with_more_pods_at_least_than_at_most(cluster, signalbox):
    text = cluster.kubectl("kustomize", str(OVERLAYS[0])).stdout.replace("minReplicas: 2", "minReplicas: 9")
    done = cluster.kubectl(*DRY, "-f", "-", stdin=text, check=False)
    assert done.returncode != 0
    assert "inferenceservice" in done.stderr.lower()
