"""A node selector and tolerations of a chart reach all of its pods, or some would stay pending on tainted nodes."""

import pytest

from tests.charts.hatches import PARTS, pod_specs
from tests.charts.hatches import merged as over

TOLERATIONS = [{"key": "dedicated", "operator": "Equal", "value": "signalbox", "effect": "NoSchedule"}]
SELECTOR = {"pool": "signalbox"}
# The server's selector is a part of its node affinity, and its test pod needs no GPU.
SELECTED = [part for part in PARTS if part.chart != "model-server"]


def specs(part, **values):
    result = pod_specs(part, over(part.values, values))
    assert result
    return result


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_tolerations_of_a_chart_reach_all_pods(part):
    for spec in specs(part, tolerations=TOLERATIONS):
        assert TOLERATIONS[0] in spec.get("tolerations", [])


@pytest.mark.parametrize("part", SELECTED, ids=str)
def test_the_node_selector_of_a_chart_reaches_all_pods(part):
    for spec in specs(part, nodeSelector=SELECTOR):
        assert spec.get("nodeSelector") == SELECTOR
