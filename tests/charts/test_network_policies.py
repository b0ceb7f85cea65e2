"""Every pod that a chart makes is named by a policy of the same chart: a namespace that denies all traffic keeps none of them out."""

from collections.abc import Iterator

import pytest

from tests.charts.conftest import RENDERS, WITHOUT_PODS, one, render, render_example
from tests.charts.pipelines_chart import ALL_JOBS


def labeled_pods(node: object) -> Iterator[dict[str, str]]:
    """Labels of every pod and pod template, anywhere in an object."""
    if isinstance(node, dict):
        spec = node.get("spec")
        if isinstance(spec, dict) and "containers" in spec:
            yield node["metadata"]["labels"]
        for value in node.values():
            yield from labeled_pods(value)
    elif isinstance(node, list):
        for value in node:
            yield from labeled_pods(value)


def selects(selector: dict, labels: dict[str, str]) -> bool:
    """What Kubernetes says of a selector with `matchLabels`, and with `In` in `matchExpressions`."""
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In"
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def unnamed(objects: list[dict]) -> list[dict[str, str]]:
    """Pods that no policy for both directions names. KServe's own objects hold no labels of pods: they are left out."""
    policies = [item["spec"] for item in objects if item["kind"] == "NetworkPolicy"]
    both = [policy["podSelector"] for policy in policies if policy["policyTypes"] == ["Ingress", "Egress"]]
    label_sets = [
        labels
        for item in objects
        if item["kind"] not in ("ServingRuntime", "InferenceService")
        for labels in labeled_pods(item)
    ]
    assert label_sets
    return [labels for labels in label_sets if not any(selects(selector, labels) for selector in both)]


@pytest.mark.parametrize(("chart", "example"), [one for one in RENDERS if one[0] not in WITHOUT_PODS])
def test_no_pod_of_an_example_is_left_out(chart, example):
    assert unnamed(render_example(chart, example)) == []


def test_no_pod_of_any_job_is_left_out():
    assert unnamed(render("pipelines", ALL_JOBS)) == []


KSERVE = {"encoder": {"kserve": True}}


@pytest.mark.parametrize(
    ("chart", "name", "values"),
    [
        ("assessor", "x-assessor", {}),
        ("assessor", "x-assessor-encoder", {}),
        ("assessor", "x-assessor-encoder", KSERVE),
        ("pipelines", "x-pipelines-mlflow", {}),
        ("pipelines", "x-pipelines-metrics", {"metrics": {"enabled": True}}),
    ],
)
def test_without_a_namespace_of_prometheus_no_other_namespace_is_allowed(chart, name, values):
    def peers(namespace: str) -> list[dict]:
        policy = {"networkPolicy": {"prometheusNamespace": namespace}}
        (rule,) = one(render(chart, values | policy), "NetworkPolicy", name)["spec"]["ingress"]
        return rule["from"]

    assert peers("") == [{"podSelector": {}}]
    assert peers("m")[1] == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "m"}}}


def test_additional_peers_of_the_pipelines_chart_can_reach_mlflow():
    peer = {"namespaceSelector": {"matchLabels": {"a": "b"}}}
    objects = render("pipelines", {"networkPolicy": {"ingressFrom": [peer]}})
    (rule,) = one(objects, "NetworkPolicy", "x-pipelines-mlflow")["spec"]["ingress"]
    assert rule["from"][-1] == peer
