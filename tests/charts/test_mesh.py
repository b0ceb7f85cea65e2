"""What a service mesh needs: protocols of the ports, rules in all policies, and pods that can leave the mesh."""

import pytest

from tests.charts.conftest import POSTGRES, render
from tests.charts.hatches import CHARTS_WITH_PARTS, METRICS, merged
from tests.charts.pipelines_chart import ALL_JOBS

ALL = {"assessor": POSTGRES, "model-server": {}, "pipelines": ALL_JOBS | METRICS}
AMBIENT = {"ports": [{"port": 15008, "protocol": "TCP"}]}
CONTROL_PLANE = {
    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "istio-system"}}}],
    "ports": [{"port": 15012, "protocol": "TCP"}],
}


def policies(chart: str, **policy: object) -> dict[str, dict]:
    objects = render(chart, merged(ALL[chart], {"networkPolicy": policy}))
    return {i["metadata"]["name"]: i["spec"] for i in objects if i["kind"] == "NetworkPolicy"}


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
def test_the_rules_of_a_mesh_are_in_the_policies_of_all_pods(chart):
    before = policies(chart)
    after = policies(chart, mesh={"ingress": [AMBIENT], "egress": [CONTROL_PLANE]})
    assert after.keys() == before.keys()
    for name, spec in after.items():
        assert spec["ingress"] == [*before[name].get("ingress", []), AMBIENT]
        assert spec["egress"] == [*before[name].get("egress", []), CONTROL_PLANE]


def test_an_air_gapped_server_is_still_part_of_the_mesh():
    values = {"airGapped": True, "model": {"source": "pvc", "pvc": {"claimName": "models"}}}
    objects = render("model-server", values | {"networkPolicy": {"mesh": {"egress": [CONTROL_PLANE]}}})
    (policy,) = [item for item in objects if item["kind"] == "NetworkPolicy"]
    assert policy["spec"]["egress"][-1] == CONTROL_PLANE


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
def test_every_port_of_a_service_says_its_protocol(chart):
    services = [item for item in render(chart, ALL[chart]) if item["kind"] == "Service"]
    assert services
    for service in services:
        assert [(p["name"], p["appProtocol"]) for p in service["spec"]["ports"]] == [("http", "http")]


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
@pytest.mark.parametrize("policy", ["AlwaysAllow", "IfHealthyBudget"])
def test_values_decide_about_the_eviction_of_pods_that_are_not_ready(chart, policy):
    values = {"podDisruptionBudget": {"unhealthyPodEvictionPolicy": policy}}
    budgets = [i for i in render(chart, ALL[chart] | values) if i["kind"] == "PodDisruptionBudget"]
    assert budgets
    assert {item["spec"]["unhealthyPodEvictionPolicy"] for item in budgets} == {policy}
