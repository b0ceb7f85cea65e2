"""Services, Ingresses, HTTPRoutes and update strategies have the same keys in all charts, and routes wait for slow answers."""

import pytest
import yaml

from tests.charts.conftest import GENERATED, POSTGRES, chart_folder, one, pod_of, render
from tests.charts.hatches import CHARTS_WITH_PARTS, ENCODER, METRICS, merged, nested
from tools.charts.values import read, walk

# (chart, where its keys are) → name of the objects.
SERVERS = {
    ("model-server", ""): "x-model-server",
    ("assessor", ""): "x-assessor",
    ("pipelines", "mlflow"): "x-pipelines-mlflow",
}
SERVICES = SERVERS | {("assessor", "encoder"): "x-assessor-encoder"}
INGRESS = {"ingress": {"enabled": True, "host": "a.example", "tlsSecret": "tls"}}
ROUTE = {"httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "hostnames": ["b.example"]}}
# Everything that creates objects.
ALL = {
    "model-server": {"autoscaling": {"enabled": True}, "persistence": {"enabled": False}} | INGRESS | ROUTE,
    "assessor": POSTGRES | ENCODER | INGRESS | ROUTE | {"autoscaling": {"enabled": True}},
    "pipelines": METRICS | {"mlflow": INGRESS | ROUTE},
}
MONITORED = {"serviceMonitor": {"enabled": True}}


def everything(chart: str, values: dict | None = None) -> list[dict]:
    """All objects of a chart."""
    return render(chart, merged(ALL[chart] | MONITORED | GENERATED.get(chart, {}), values or {}))


@pytest.mark.parametrize("server", SERVICES, ids=str)
def test_a_service_has_the_fields_of_the_network(server):
    chart, path = server
    fields = {
        "ipFamilyPolicy": "PreferDualStack",
        "ipFamilies": ["IPv6", "IPv4"],
        "loadBalancerSourceRanges": ["192.0.2.0/24", "2001:db8::/32"],
    }
    service = fields | {"type": "LoadBalancer", "annotations": {"internal": "true"}}
    item = one(render(chart, nested(path, {"service": service})), "Service", SERVICES[server])
    assert item["spec"].items() >= (fields | {"type": "LoadBalancer"}).items()
    assert item["metadata"]["annotations"] == {"internal": "true"}
    (port,) = item["spec"]["ports"]
    assert (port["name"], port["appProtocol"]) == ("http", "http")
    plain = one(render(chart), "Service", SERVICES[server])
    assert plain["spec"].keys() == {"type", "ports", "selector"}


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_an_ingress_waits_for_a_slow_answer(server):
    chart, path = server
    item = one(render(chart, nested(path, INGRESS)), "Ingress", SERVERS[server])
    annotations = item["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "600"
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    assert annotations["haproxy.router.openshift.io/timeout"] == "600s"
    assert item["spec"]["tls"] == [{"hosts": ["a.example"], "secretName": "tls"}]
    (rule,) = item["spec"]["rules"]
    (entry,) = rule["http"]["paths"]
    assert entry["path"] == ("/v1" if chart == "model-server" else "/")
    assert entry["backend"]["service"]["name"] == SERVERS[server]


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_annotations_of_an_ingress_take_precedence(server):
    chart, path = server
    own = {"nginx.ingress.kubernetes.io/proxy-read-timeout": "9", "auth": "oidc"}
    ingress = merged(INGRESS, {"ingress": {"annotations": own, "timeout": "900s"}})
    annotations = one(render(chart, nested(path, ingress)), "Ingress")["metadata"]["annotations"]
    assert annotations.items() >= own.items()
    assert annotations["nginx.ingress.kubernetes.io/proxy-send-timeout"] == "900"


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_a_route_waits_for_a_slow_answer(server):
    chart, path = server
    item = one(render(chart, nested(path, ROUTE)), "HTTPRoute", SERVERS[server])
    (rule,) = item["spec"]["rules"]
    assert rule["timeouts"] == {"request": "600s"}
    assert rule["backendRefs"] == [{"name": SERVERS[server], "port": 80}]
    assert item["spec"]["hostnames"] == ["b.example"]


def test_mlflow_accepts_the_hosts_of_its_ingress_and_route():
    objects = render("pipelines", {"mlflow": INGRESS | ROUTE})
    args = pod_of(one(objects, "Deployment"))["containers"][0]["args"]
    (hosts,) = [arg.partition("=")[2].split(",") for arg in args if arg.startswith("--allowed-hosts=")]
    assert {"a.example", "b.example"} <= set(hosts)


def test_an_ingress_of_kserve_names_its_service():
    objects = render("model-server", INGRESS | {"kserve": {"enabled": True}})
    (rule,) = one(objects, "Ingress")["spec"]["rules"]
    service = rule["http"]["paths"][0]["backend"]["service"]
    assert service == {"name": "x-model-server-predictor", "port": {"number": 80}}


@pytest.mark.parametrize(
    ("chart", "path", "values"),
    [
        ("model-server", "", {}),
        ("assessor", "", POSTGRES),
        ("pipelines", "mlflow", {"mlflow": {"postgres": {"existingSecret": "a"}, "s3": {"uri": "s3://a"}}}),
        ("pipelines", "metrics", METRICS),
    ],
)
def test_an_update_strategy_replaces_that_of_the_chart(chart, path, values):
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 1}}
    objects = render(chart, merged(values, nested(path, {"strategy": strategy})))
    strategies = [item["spec"]["strategy"] for item in objects if item["kind"] == "Deployment"]
    assert strategies.count(strategy) == 1


def test_kserve_gets_the_update_strategies():
    strategy = {"type": "Recreate"}
    for chart, values in (
        ("model-server", {"kserve": {"enabled": True}, "strategy": strategy}),
        ("assessor", merged(ENCODER, {"encoder": {"strategy": strategy}})),
    ):
        predictor = one(render(chart, values), "InferenceService")["spec"]["predictor"]
        assert predictor["deploymentStrategy"] == strategy


# --- all objects -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
def test_every_object_has_the_common_labels_and_annotations(chart):
    common = {"team": "a", "app.kubernetes.io/part-of": "platform", "app.kubernetes.io/name": "other"}
    objects = everything(chart, {"commonLabels": common, "commonAnnotations": {"owner": "b"}})
    assert len(objects) > 8
    for item in objects:
        labels = item["metadata"]["labels"]
        assert (labels["team"], labels["app.kubernetes.io/part-of"]) == ("a", "platform")
        assert labels["app.kubernetes.io/name"] == chart
        assert item["metadata"]["annotations"]["owner"] == "b"


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
def test_common_annotations_replace_none_of_the_chart(chart):
    """The annotations of hooks and of claims decide what Helm does with the objects."""
    before = {name(item): item["metadata"].get("annotations", {}) for item in everything(chart)}
    common = {key: "other" for annotations in before.values() for key in annotations}
    for item in everything(chart, {"commonAnnotations": common}):
        assert item["metadata"]["annotations"].items() >= before[name(item)].items()


def name(item: dict) -> str:
    return f"{item['kind']}/{item['metadata']['name']}"


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
def test_every_object_is_in_the_namespace_of_the_release(chart):
    assert {item["metadata"].get("namespace") for item in everything(chart)} == {"models"}


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
def test_extra_objects_are_templates(chart):
    full = '{{ include "common.fullname" . }}'
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{full}-map"}},
        f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {full}-text\n",
    ]
    items = render(chart, {"extraObjects": objects})
    assert one(items, "ConfigMap", f"x-{chart}-map")
    assert one(items, "ConfigMap", f"x-{chart}-text")


@pytest.mark.parametrize("chart", CHARTS_WITH_PARTS)
def test_pods_have_no_label_that_changes_with_the_version_of_the_chart(chart):
    """A new digest of the same chart would otherwise restart each model server."""
    for item in everything(chart):
        if item["kind"] in ("Deployment", "Job"):
            assert "helm.sh/chart" not in item["spec"]["template"]["metadata"]["labels"]


def test_the_same_hatch_has_the_same_schema_in_all_charts():
    hatches = (
        "podTemplate",
        "extraEnv",
        "envFrom",
        "strategy",
        "commonLabels",
        "commonAnnotations",
        "extraObjects",
    )
    hatches += ("service.annotations", "service.ipFamilyPolicy", "service.ipFamilies", "ingress.timeout")
    for hatch in hatches:
        schemas = [
            yaml.safe_dump([key.schema, key.default])
            for chart in CHARTS_WITH_PARTS
            for key in walk(read(chart_folder(chart) / "values.yaml"))
            if f".{key.path}".endswith(f".{hatch}")
        ]
        assert len(schemas) >= 3
        assert len(set(schemas)) == 1, hatch
