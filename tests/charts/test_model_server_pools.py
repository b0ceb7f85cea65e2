"""The pools of charts/model-server: products, their labels and resources, and requests that fit their nodes."""

import pytest
import yaml

from tests.charts.conftest import chart_folder, one, pod_of, render

CHART = "model-server"
POOLS = yaml.safe_load((chart_folder(CHART) / "files" / "pools.yaml").read_text(encoding="utf-8"))
SMALL = {"model": {"name": "Qwen/Qwen2.5-0.5B-Instruct"}}
GFD = "nvidia.com/gpu.product"

# The smallest nodes with one GPU: cores and GiB that they have for pods, after what the provider reserves.
SMALLEST_NODES = {
    ("T4", "aks"): (3.86, 24.0),  # Standard_NC4as_T4_v3
    ("T4", "eks"): (3.92, 14.9),  # g4dn.xlarge
    ("A10G", "eks"): (3.92, 14.9),  # g5.xlarge
    ("L4", "eks"): (3.92, 14.9),  # g6.xlarge
    ("L4", "gke"): (3.92, 13.3),  # g2-standard-4
    ("T4", "gke"): (3.92, 12.3),  # n1-standard-4
}
# Agents of the cluster, such as GPU feature discovery, DCGM's exporter and the network's.
AGENTS_CORES, AGENTS_GIB = 0.5, 1.0


def pod(values: dict) -> dict:
    return pod_of(one(render(CHART, SMALL | values), "Deployment"))


def labels(spec: dict) -> dict[str, list[str]]:
    """Values by label of the required node affinity."""
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = terms["nodeSelectorTerms"]
    return {item["key"]: item["values"] for item in term["matchExpressions"]}


@pytest.mark.parametrize("place", SMALLEST_NODES, ids=" ".join)
def test_the_default_requests_fit_the_smallest_node(place):
    product, label_set = place
    cores, gib = SMALLEST_NODES[place]
    spec = pod({"gpu": {"product": product, "labelSet": label_set}, "quantization": "fp16"})
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        requests = container["resources"]["requests"]
        assert float(requests["cpu"]) <= cores - AGENTS_CORES
        assert float(requests["memory"].removesuffix("Gi")) <= gib - AGENTS_GIB


def test_a_t4_of_aks_is_on_nodes_of_every_size():
    sizes = labels(pod({"gpu": {"product": "T4", "labelSet": "aks"}, "quantization": "fp16"}))
    names = [f"Standard_NC{cores}as_T4_v3" for cores in (4, 8, 16, 64)]
    assert sizes["node.kubernetes.io/instance-type"] == names


@pytest.mark.parametrize(
    ("product", "label"),
    [
        ("A30", "NVIDIA-A30"),
        ("A2", "NVIDIA-A2"),
        ("A16", "NVIDIA-A16"),
        ("A6000", "NVIDIA-RTX-A6000"),
        ("RTX 6000 Ada", "NVIDIA-RTX-6000-Ada-Generation"),
        ("RTX-4000-ADA", "NVIDIA-RTX-4000-Ada-Generation"),
        ("RTX 3080", "NVIDIA-GeForce-RTX-3080"),
        ("GeForce RTX 4070", "NVIDIA-GeForce-RTX-4070"),
        ("NVIDIA-GeForce-RTX-5080", "NVIDIA-GeForce-RTX-5080"),
        ("H200-NVL", "NVIDIA-H200-NVL"),
    ],
)
def test_a_product_outside_the_table_is_selected_by_its_label(product, label):
    spec = pod({"gpu": {"product": product}})
    assert label in labels(spec)[GFD]
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1


@pytest.mark.parametrize(
    ("product", "resource"),
    [("MI300X", "amd.com/gpu"), ("GAUDI2", "habana.ai/gaudi"), ("GAUDI3", "habana.ai/gaudi")],
)
def test_a_product_of_another_vendor_has_its_own_resource_and_toleration(product, resource):
    spec = pod({"gpu": {"product": product}, "image": {"repository": "example/engine"}})
    limits = spec["containers"][0]["resources"]["limits"]
    assert limits[resource] == 1
    assert "nvidia.com/gpu" not in limits
    assert [item["key"] for item in spec["tolerations"]] == [resource]


def test_products_outside_the_table_have_a_memory_and_a_gpu_to_compare_with():
    table = {row["capacity"]: row["capability"] for row in POOLS.values() if "capacity" in row}
    others = {name: row for name, row in POOLS.items() if "like" in row}
    assert len(others) >= 20
    for name, row in others.items():
        assert row["memoryMiB"] > 4096, name
        assert (row["capability"] < 8.9) == (table[row["like"]] < 8.9), name
        assert int(row["capability"]) == int(table[row["like"]]), name


@pytest.mark.parametrize(
    ("gpu", "label", "value"),
    [
        ({"product": "L4"}, GFD, "NVIDIA-L4-SHARED"),
        (
            {"product": "H100-MIG-1g.10gb", "migStrategy": "mixed"},
            "nvidia.com/mig-1g.10gb.product",
            "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb-SHARED",
        ),
    ],
)
def test_time_slicing_selects_gpus_that_are_shared(gpu, label, value):
    spec = pod({"gpu": gpu | {"timeSlicing": True}, "memoryShare": 0.4})
    assert labels(spec)[label] == [value]
    arguments = spec["containers"][0]["args"]
    assert arguments[arguments.index("--gpu-memory-utilization") + 1] == "0.4"


def test_a_renamed_resource_of_time_slicing_is_set_in_pools():
    pools = {"L4": {"resource": "nvidia.com/gpu.shared"}}
    spec = pod({"gpu": {"timeSlicing": True}, "memoryShare": 0.4, "pools": pools})
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu.shared"] == 1


def test_the_notes_name_what_is_not_maintained_or_proven(notes):
    values = {"engine": "tgi", "gpu": {"product": "H100"}, "image": {"repository": "us/tgi"}}
    assert "TGI is archived since 2026-03-21" in notes(values)
    assert "archived" not in notes({})
    values = {"gpu": {"product": "MI300X"}, "image": {"repository": "example/engine"}}
    assert "MI300X was never tried with this chart" in notes(values)


def test_the_notes_name_an_image_of_another_version(notes):
    text = notes({"image": {"tag": "v0.32.0"}})
    assert "image.tag is v0.32.0, but the flags and the fit check are those of v0.24.0" in text
    assert "image.tag" not in notes({"image": {"tag": "v0.24.0"}})
    assert "image.tag" not in notes({})


def test_the_notes_name_shared_memory_that_fills_the_memory_limit(notes):
    values = {"gpu": {"product": "H100", "count": 8}, "parallelism": {"tensor": 2, "pipeline": 4}}
    line = "/dev/shm can take 16 GiB of the memory limit, 32Gi"
    assert line in notes(values)
    assert "/dev/shm" not in notes(values | {"resources": {"limits": {"memory": "192Gi"}}})
    assert "/dev/shm" not in notes({})
