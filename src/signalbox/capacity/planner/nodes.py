"""How the GPUs of one replica are spread over nodes. Ranks of a stage stay on one node; only stages go across."""

from __future__ import annotations

from collections.abc import Mapping

# Engines that start one replica on several nodes, and the flags that give each node its place, as in charts/model-server
# (files/engines.yaml, leaderFlags and workerFlags).
START: Mapping[str, str] = {
    "vllm": "`--nnodes {nodes} --node-rank RANK --master-addr ADDRESS`, and `--headless` on all but the first",
    "sglang": "`--nnodes {nodes} --node-rank RANK --dist-init-addr ADDRESS:20000`",
}


def node_count(tensor_parallel: int, stages: int, gpus_per_node: int) -> int:
    """The fewest nodes of `gpus_per_node` GPUs on which each stage is whole and all nodes have as many stages.

    A pod of a LeaderWorkerSet requests the same GPUs as the others. 3 stages of 4 ranks need 3 nodes of 8 GPUs, because
    two nodes would have 1.5 stages each.
    """
    on_one = max(1, gpus_per_node // tensor_parallel)
    return next(count for count in range(-(-stages // on_one), stages + 1) if stages % count == 0)


def note(engine: str, tensor_parallel: int, stages: int, gpus_per_node: int) -> str:
    """What a plan on several nodes means; empty for one node."""
    nodes = node_count(tensor_parallel, stages, gpus_per_node)
    if nodes == 1:
        return ""
    spread = (
        f"{nodes} nodes with {tensor_parallel * stages // nodes} GPUs each: tensor parallelism inside a node, pipeline "
        "stages across nodes"
    )
    start = START.get(engine)
    if start is None:
        return spread
    return f"{spread}; start it on each with {start.format(nodes=nodes)}, or use the LeaderWorkerSet of `--write`"
