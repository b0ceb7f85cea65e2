"""The real scheduler puts every GPU example on nodes with its GPU and on no others. The nodes are fakes."""

import json

import pytest
import yaml

from tests.charts.conftest import example_file, pods
from tests.cluster.support.installed import SUPPORT
from tools.charts import CHARTS, charts
from tools.charts.helm import template
from tools.charts.render import examples

pytestmark = pytest.mark.cluster

SETS = yaml.safe_load((SUPPORT / "nodes.yaml").read_text(encoding="utf-8"))
MODEL_SERVER = next(chart for chart in charts() if chart.name == "model-server")
EXAMPLES = {
    example.stem: yaml.safe_load(example.read_text(encoding="utf-8")) for example in examples(MODEL_SERVER)
}
# Of each product: all examples are bound at once, and two of them take two nodes whole.
NODES = 6
ARM = ("GB200", "CPU-ARM64")
# Keys that KServe puts beside those of a pod.
KSERVE_KEYS = ("minReplicas", "maxReplicas", "deploymentStrategy", "labels", "annotations")


def fake_node(name, product, labels, taints):
    arm = product in ARM
    resource = "nvidia.com/mig-1g.20gb" if "-MIG-" in product else "nvidia.com/gpu"
    amounts = {"cpu": "192", "memory": "2Ti", "pods": "110", "ephemeral-storage": "4Ti"}
    if not product.startswith("CPU"):
        amounts[resource] = "8"
    architecture = {"kubernetes.io/arch": "arm64" if arm else "amd64", "kubernetes.io/hostname": name}
    if arm:
        taints = [*taints, {"key": "kubernetes.io/arch", "value": "arm64", "effect": "NoSchedule"}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels | architecture | {"fake": "true"}},
        "spec": {"taints": taints},
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Fake"}],
        },
    }


def nodes_of(label_set):
    table = SETS[label_set]
    rows = [(product, labels, table["taints"]) for product, labels in table["nodes"].items()]
    rows += [("CPU", {}, []), ("CPU-ARM64", {}, [])]
    return [
        fake_node(f"fake-{label_set.lower()}-{product.lower()}-{number}", product, labels, taints)
        for product, labels, taints in rows
        for number in range(NODES)
    ]


@pytest.fixture(params=sorted(SETS))
def label_set(cluster, request):
    """A label set whose nodes, and no others, are in the cluster beside the real one."""
    nodes = {"apiVersion": "v1", "kind": "List", "items": nodes_of(request.param)}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(nodes))
    cluster.until("nodes without the taint of a start", lambda: not _tainted(cluster))
    yield request.param
    cluster.kubectl("delete", "node", "--selector=fake=true")


def _tainted(cluster):
    """Fake nodes that the controller has not yet seen ready."""
    return [
        node["metadata"]["name"]
        for node in cluster.get("node", "--selector=fake=true")["items"]
        if any(taint["key"].startswith("node.kubernetes.io/") for taint in node["spec"].get("taints", []))
    ]


def pods_of(example, label_set):
    """The pods of an example as its controllers would make them, with temporary volumes in place of claims."""
    values = yaml.safe_load(example_file("model-server", example).read_text(encoding="utf-8"))
    values["gpu"]["labelSet"] = label_set
    values["nodeSelector"] = {"fake": "true"}  # off the one real node, where an image would be pulled
    done = template(CHARTS / "model-server", values=yaml.safe_dump(values))
    assert done.returncode == 0, done.stderr
    found = []
    for item in filter(None, yaml.safe_load_all(done.stdout)):
        if item["metadata"].get("annotations", {}).get("helm.sh/hook"):
            continue
        found += [spec for _, spec in pods(item)]
    return [
        _pod(f"{example}-{number}", {key: spec[key] for key in spec if key not in KSERVE_KEYS})
        for number, spec in enumerate(found)
    ]


def _pod(name, spec):
    spec.pop("serviceAccountName")
    for volume in spec["volumes"]:
        if "persistentVolumeClaim" in volume:
            volume["emptyDir"] = {}
            del volume["persistentVolumeClaim"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def test_every_example_is_bound_to_its_gpu(cluster, label_set):
    offered = {*SETS[label_set]["nodes"], "CPU", "CPU-ARM64"}
    wanted = {name: values["gpu"]["product"] for name, values in EXAMPLES.items()}
    wanted = {name: product for name, product in wanted.items() if product in offered}
    made = [pod for name in wanted for pod in pods_of(name, label_set)]
    with cluster.namespace(f"placement-{label_set.lower()}") as namespace:
        listed = {"apiVersion": "v1", "kind": "List", "items": made}
        words = ("create", f"--namespace={namespace}", "-f", "-")
        cluster.kubectl(*words, stdin=json.dumps(listed))
        cluster.until("a node or a reason for each pod", lambda: not _undecided(cluster, namespace))
        bound = {
            pod["metadata"]["name"]: pod["spec"].get(
                "nodeName", pod["status"]["conditions"][0].get("message")
            )
            for pod in cluster.get("pod", f"--namespace={namespace}")["items"]
        }
        kill = ("delete", "pod", "--all", "--force", "--grace-period=0", f"--namespace={namespace}")
        cluster.kubectl(*kill)
    assert len(bound) == len(made) >= 5
    wrong = {
        name: node
        for name, node in bound.items()
        if not _is_of(node, label_set, wanted[name.rpartition("-")[0]])
    }
    assert wrong == {}


def _is_of(node, label_set, product):
    return node.rpartition("-")[0] == f"fake-{label_set.lower()}-{product.lower()}"


def _undecided(cluster, namespace):
    """Pods that the scheduler has not looked at yet."""
    return [
        pod["metadata"]["name"]
        for pod in cluster.get("pod", f"--namespace={namespace}")["items"]
        if not pod["spec"].get("nodeName") and not pod["status"].get("conditions")
    ]
