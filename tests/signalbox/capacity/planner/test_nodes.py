"""Stages go across nodes, ranks of a stage do not, and all nodes of a replica have as many GPUs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.capacity.planner.helm_values import values
from signalbox.capacity.planner.nodes import node_count
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request
from signalbox.errors import SetupError


@pytest.mark.parametrize(
    ("tensor", "stages", "per_node", "nodes"),
    [
        (8, 2, 8, 2),
        (8, 1, 8, 1),
        (4, 2, 8, 1),
        (4, 3, 8, 3),
        (2, 4, 4, 2),
        (1, 16, 8, 2),
        (5, 2, 8, 2),
        (16, 1, 8, 1),
    ],
)
def test_the_fewest_nodes_with_whole_stages(tensor, stages, per_node, nodes):
    assert node_count(tensor, stages, per_node) == nodes


@given(st.integers(1, 8), st.integers(1, 40), st.integers(8, 16))
def test_no_node_has_more_gpus_than_there_are(tensor, stages, per_node):
    nodes = node_count(tensor, stages, per_node)
    assert stages % nodes == 0
    assert tensor * stages // nodes <= per_node


def test_an_engine_of_one_node_is_not_written_for_two():
    answer = plan(
        Request(
            model="llama-3.1-8b",
            gpu="4xl4",
            engine="llamacpp",
            tensor_parallel=2,
            pipeline_parallel=2,
            gpus_per_node=2,
        )
    )
    two = answer.model_copy(update={"engine": "tgi", "nodes": 2, "checkpoint": "a/b"})
    with pytest.raises(SetupError, match="tgi starts on one node, and the plan has 2"):
        values(two)
