"""Node labels to free GPUs: by the real Kubernetes client, against a fake API server."""

from pathlib import Path

import pytest

from signalbox.capacity import datafile
from signalbox.capacity.hardware.cluster import cluster_gpus, pools
from signalbox.capacity.hardware.node_table import load_node_table
from signalbox.capacity.hardware.nodes import NodeGpus, read_nodes
from signalbox.capacity.models import catalogue
from signalbox.errors import InputError, SetupError
from tests.helpers import free_port
from tests.signalbox.capacity.kube import api, kubeconfig, node, pod

GPU = "nvidia.com/gpu"
GPUS = catalogue.load().gpus
TABLE = load_node_table()


def one(labels: dict[str, str], allocatable: dict[str, int], **changes: object) -> NodeGpus:
    rows = read_nodes([node("n", labels, allocatable, **changes)], [], GPUS, TABLE)
    assert len(rows) == 1
    return rows[0]


@pytest.mark.parametrize(
    ("labels", "gpu"),
    [
        ({"nvidia.com/gpu.product": "NVIDIA-L40S", "nvidia.com/gpu.memory": "46068"}, "l40s"),
        ({"nvidia.com/gpu.product": "NVIDIA-H100-NVL", "nvidia.com/gpu.memory": "95830"}, "h100-nvl"),
        ({"nvidia.com/gpu.product": "Tesla-T4"}, "t4"),
        ({"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"}, "a100-40gb-mig-1g.5gb"),
        (
            {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/gpu.sharing-strategy": "none"},
            "h100",
        ),
        ({"cloud.google.com/gke-accelerator": "nvidia-l4"}, "l4"),
        ({"cloud.google.com/gke-accelerator": "nvidia-tesla-a100"}, "a100-40gb"),
        ({"cloud.google.com/gke-accelerator": "nvidia-a100-80gb"}, "a100-80gb"),
        (
            {
                "cloud.google.com/gke-accelerator": "nvidia-h100-80gb",
                "cloud.google.com/gke-gpu-partition-size": "1g.10gb",
            },
            "h100-mig-1g.10gb",
        ),
        (
            {
                "karpenter.k8s.aws/instance-gpu-name": "a100",
                "karpenter.k8s.aws/instance-gpu-memory": "40960",
            },
            "a100-40gb",
        ),
        (
            {
                "karpenter.k8s.aws/instance-gpu-name": "a100",
                "karpenter.k8s.aws/instance-gpu-memory": "81920",
            },
            "a100-80gb",
        ),
        ({"eks.amazonaws.com/instance-gpu-name": "l4"}, "l4"),
        ({"node.kubernetes.io/instance-type": "g6e.12xlarge"}, "l40s"),
        (
            {
                "kubernetes.azure.com/accelerator": "nvidia",
                "node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4",
            },
            "a100-80gb-pcie",
        ),
        # The product label is right where a cloud label is less exact.
        (
            {
                "nvidia.com/gpu.product": "NVIDIA-H100-NVL",
                "kubernetes.azure.com/accelerator": "nvidia",
                "node.kubernetes.io/instance-type": "Standard_NC40ads_H100_v5",
            },
            "h100-nvl",
        ),
    ],
)
def test_labels_of_each_platform_name_the_gpu(labels: dict[str, str], gpu: str) -> None:
    row = one(labels, {GPU: 1})
    assert row.gpu is not None
    assert (row.gpu.name, row.free, row.excluded) == (gpu, 1, "")


@pytest.mark.parametrize(
    ("labels", "resource", "reason"),
    [
        (
            {"nvidia.com/gpu.product": "NVIDIA-H100-NVL-SHARED", "nvidia.com/gpu.replicas": "10"},
            GPU,
            "NVL-SHARED",
        ),
        (
            {"nvidia.com/gpu.product": "NVIDIA-L4", "nvidia.com/gpu.sharing-strategy": "mps"},
            GPU,
            "sharing-strategy=mps",
        ),
        ({"nvidia.com/gpu.product": "NVIDIA-L4"}, "nvidia.com/gpu.shared", "gpu.shared is shared"),
        (
            {
                "cloud.google.com/gke-accelerator": "nvidia-l4",
                "cloud.google.com/gke-max-shared-clients-per-gpu": "3",
            },
            GPU,
            "max-shared-clients-per-gpu=3",
        ),
        ({"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-INVALID"}, GPU, "strategy mixed"),
        ({"nvidia.com/gpu.product": "NVIDIA-H100-SXM4-80GB"}, GPU, "not in the catalogue"),
        ({}, GPU, "no label names it"),
        (
            {"karpenter.k8s.aws/instance-gpu-name": "l4", "karpenter.k8s.aws/instance-gpu-memory": "2861"},
            GPU,
            "not in the catalogue",
        ),
        ({"nvidia.com/gpu.product": "NVIDIA-L4"}, "nvidia.com/mig-1g.5gb", "slice 1g.5gb of NVIDIA-L4"),
    ],
)
def test_what_gives_no_memory_of_its_own_is_excluded(
    labels: dict[str, str], resource: str, reason: str
) -> None:
    row = one(labels, {resource: 4})
    assert reason in row.excluded
    assert row.free == 0


@pytest.mark.parametrize(
    ("changes", "reason"), [({"cordoned": True}, "cordoned"), ({"ready": "Unknown"}, "not ready")]
)
def test_an_unschedulable_node_is_excluded(changes: dict[str, object], reason: str) -> None:
    assert reason in one({"nvidia.com/gpu.product": "NVIDIA-L4"}, {GPU: 1}, **changes).excluded


def test_a_node_without_device_plugin_has_that_reason() -> None:
    rows = read_nodes([node("n", {"cloud.google.com/gke-accelerator": "nvidia-l4"}, {})], [], GPUS, TABLE)
    assert "device plugin" in rows[0].excluded


def test_a_node_without_gpus_is_not_listed() -> None:
    nodes = [node("cpu", {"node.kubernetes.io/instance-type": "m6i.large"}, {})]
    assert read_nodes(nodes, [], GPUS, TABLE) == []


def test_mixed_slices_are_counted_by_profile() -> None:
    labels = {
        "nvidia.com/gpu.product": "NVIDIA-H100-NVL",
        "nvidia.com/mig.strategy": "mixed",
        "nvidia.com/mig-1g.12gb.product": "NVIDIA-H100-NVL-MIG-1g.12gb",
    }
    nodes = [node("n", labels, {GPU: 0, "nvidia.com/mig-1g.12gb": 4, "nvidia.com/mig-3g.47gb": 1})]
    pods = [pod("n", 1, resource="nvidia.com/mig-1g.12gb")]
    rows = read_nodes(nodes, pods, GPUS, TABLE)
    assert [(row.gpu.name, row.free) for row in rows if row.gpu] == [
        ("h100-nvl-mig-1g.12gb", 3),
        ("h100-nvl-mig-3g.47gb", 1),
    ]


def test_only_pods_that_hold_gpus_are_subtracted() -> None:
    nodes = [node("n", {"nvidia.com/gpu.product": "NVIDIA-L4"}, {GPU: 8})]
    sidecar = pod("n", 1)
    sidecar["spec"]["initContainers"] = [
        {"name": "side", "restartPolicy": "Always", "resources": {"requests": {GPU: "1"}}},
        {"name": "once", "resources": {"requests": {GPU: "2"}}},
    ]
    pods = [
        pod("n", 1, 1),  # 2
        sidecar,  # 2: the one that ends needs no more than both together
        pod("n", 1, phase="Succeeded"),
        pod("n", 1, phase="Failed"),
        pod(None, 1, phase="Pending"),
        pod("elsewhere", 1),
    ]
    assert read_nodes(nodes, pods, GPUS, TABLE)[0].free == 4


def test_more_requested_than_allocatable_leaves_none() -> None:
    nodes = [node("n", {"nvidia.com/gpu.product": "NVIDIA-L4"}, {GPU: 1})]
    assert read_nodes(nodes, [pod("n", 2)], GPUS, TABLE)[0].free == 0


def test_the_real_client_reads_all_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"nvidia.com/gpu.product": "Tesla-T4"}
    nodes = [node(f"n{index}", labels, {GPU: 2}) for index in range(5)]
    pods = [pod("n0", 2), pod("n1", 1), pod("n4", 1)]
    with api(nodes, pods, tmp_path) as config:
        monkeypatch.setenv("KUBECONFIG", str(config))
        rows = cluster_gpus(GPUS)
    assert [row.free for row in rows] == [0, 1, 2, 2, 1]
    assert [(pool.name, pool.in_one_node) for pool in pools(rows)] == [("6xt4", 2)]


def test_an_unknown_context_lists_the_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, "http://127.0.0.1:1")))
    with pytest.raises(InputError, match=r"--kube-context: got 'prod'. Known contexts: lab, other"):
        cluster_gpus(GPUS, "prod")


def test_a_cluster_that_forbids_the_list_names_the_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with api([], [], tmp_path, status=403) as config:
        monkeypatch.setenv("KUBECONFIG", str(config))
        with pytest.raises(SetupError, match=r"403.*ClusterRole"):
            cluster_gpus(GPUS)


def test_an_unreachable_cluster_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, address)))
    with pytest.raises(SetupError, match=address):
        cluster_gpus(GPUS)


def test_no_cluster_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(SetupError, match="KUBECONFIG"):
        cluster_gpus(GPUS)


def test_a_missing_client_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "kubernetes", None)
    with pytest.raises(SetupError, match=r"uv pip install 'signalbox\[cluster\]'"):
        cluster_gpus(GPUS)


def test_each_row_of_the_table_names_a_gpu_of_the_catalogue() -> None:
    names = {gpu.name for gpu in GPUS}
    labels = {
        option.gpu for row in TABLE.labels for options in (row.values or {}).values() for option in options
    }
    assert labels | set(TABLE.instances.values()) <= names


def test_labels_that_nobody_publishes_are_not_in_the_catalogue() -> None:
    published = {product for gpu in GPUS for product in gpu.products}
    assert published.isdisjoint(datafile.read("nodes.yaml")["never_published"])
