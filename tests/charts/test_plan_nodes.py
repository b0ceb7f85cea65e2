"""A plan on more than one node: its values are a LeaderWorkerSet with the printed arguments, and no pod exceeds a node."""

from pathlib import Path

import pytest
import yaml

from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request
from tests.charts.conftest import one, render
from tests.charts.test_plan_round_trip import arguments, values_of, without_operation

# How the nodes of a replica find each other: not part of the plan.
NODES = {"--nnodes", "--node-rank", "--master-addr", "--dist-init-addr", "--headless"}
LARGE = "meta-llama/Llama-3.1-405B-Instruct"
SMALL = "meta-llama/Llama-3.3-70B-Instruct"
CASES = (
    ({"model": LARGE, "gpu": "16xh100", "quantization": "bf16"}, (8, 2, 2)),
    ({"model": SMALL, "gpu": "4xl40s", "quantization": "bf16", "gpus_per_node": 2, "context": 4096}, (2, 2, 2)),
    ({"model": SMALL, "gpu": "12xl40s", "tensor_parallel": 4, "pipeline_parallel": 3, "quantization": "bf16"}, (4, 3, 3)),
    ({"model": SMALL, "gpu": "4xh100", "engine": "sglang", "tensor_parallel": 2, "pipeline_parallel": 2, "gpus_per_node": 2}, (2, 2, 2)),
)  # fmt: skip


@pytest.mark.parametrize(("request_", "layout"), CASES)
def test_all_nodes_start_as_planned_and_none_needs_more_than_it_has(request_, layout, tmp_path: Path):
    answer = plan(Request(**request_))
    assert answer.fits, answer.reason
    assert (answer.tensor_parallel, answer.pipeline_parallel, answer.nodes) == layout
    objects = render("model-server", values_of(answer, tmp_path / "values.yaml"))
    group = one(objects, "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    assert group["size"] == answer.nodes
    printed = without_operation(arguments(list(answer.flags)))
    for part in ("leaderTemplate", "workerTemplate"):
        (container,) = group[part]["spec"]["containers"]
        own = without_operation(arguments(container["args"]))
        assert {flag: value for flag, value in own.items() if flag not in NODES} == printed
        gpus = int(container["resources"]["limits"]["nvidia.com/gpu"])
        assert gpus * answer.nodes == answer.gpus
        assert gpus <= request_.get("gpus_per_node", 8)


def test_all_nodes_mount_the_volume_of_the_model(tmp_path: Path):
    answer = plan(Request(**CASES[0][0]))
    claims = [
        item
        for item in render("model-server", values_of(answer, tmp_path / "v.yaml"))
        if item["kind"] == "PersistentVolumeClaim"
    ]
    assert [claim["spec"]["accessModes"] for claim in claims] == [["ReadWriteMany"]]
    assert yaml.safe_load((tmp_path / "v.yaml").read_text())["capacity"]["plan"]["tokens"] == answer.kv_tokens
