"""global.proxy: variables of the pods that leave the cluster, names that are called directly, and egress to the proxy."""

import pytest

from tests.charts.conftest import POSTGRES, one, pods, render, render_error
from tests.charts.hatches import METRICS, OLLAMA, merged
from tests.charts.pipelines_chart import ALL_JOBS

URL = "http://proxy.example.org:3128"
BOTH = {"http": URL, "https": URL, "noProxy": ".corp.example,10.0.0.0/8"}
INTERNAL = ["localhost", "127.0.0.1", "::1", ".svc", ".svc.cluster.local"]
EVERYTHING = {
    "assessor": POSTGRES,
    "model-server": {},
    "pipelines": ALL_JOBS | METRICS,
    "signalbox": {"models": {"small": {}}},
}
# End of a pod's name → it calls servers in the cluster only, and has no proxy.
INSIDE = ("-migrate", "-encoder", "-metrics", "-assess", "-test")


def proxied(proxy: dict, **values: object) -> dict:
    return {"global": {"proxy": proxy}, **values}


def variables(spec: dict) -> dict[str, str]:
    """The proxy variables of all containers of a pod, which must agree."""
    containers = [*spec["containers"], *spec.get("initContainers", [])]
    tables = [
        {
            item["name"]: item["value"]
            for item in container.get("env", [])
            if item["name"].upper().endswith("_PROXY")
        }
        for container in containers
    ]
    assert all(table == tables[0] for table in tables)
    return tables[0]


@pytest.mark.parametrize("chart", EVERYTHING)
def test_pods_that_leave_the_cluster_have_the_proxy_and_no_others(chart):
    values = merged(proxied(BOTH), EVERYTHING[chart])
    counts = {True: 0, False: 0}
    for item in render(chart, values):
        for place, spec in pods(item):
            inside = item["metadata"]["name"].endswith(INSIDE)
            counts[inside] += 1
            assert ("HTTPS_PROXY" in variables(spec)) == (not inside), place
    assert counts[True]
    assert counts[False]


@pytest.mark.parametrize("chart", EVERYTHING)
def test_without_a_proxy_nothing_is_set(chart):
    specs = [spec for item in render(chart, EVERYTHING[chart]) for _, spec in pods(item)]
    assert [variables(spec) for spec in specs] == [{}] * len(specs)


def assessor(values: dict) -> dict[str, str]:
    (_, spec), *_ = pods(one(render("assessor", values), "Deployment", "x-assessor"))
    return variables(spec)


def test_programs_find_the_variables_in_both_cases():
    table = assessor(proxied({"http": "http://a:1", "https": "http://b:2"}))
    assert {name: table[name] for name in table if "NO" not in name.upper()} == {
        "HTTP_PROXY": "http://a:1",
        "http_proxy": "http://a:1",
        "HTTPS_PROXY": "http://b:2",
        "https_proxy": "http://b:2",
    }
    assert table["NO_PROXY"] == table["no_proxy"]
    assert assessor(proxied({"https": URL})).keys() == {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("http://model-server/v1", ["model-server"]),
        ("http://model-server:8080/v1", ["model-server"]),
        ("http://model-server.models/v1", ["model-server.models"]),
        ("http://model-server.models.svc/v1", []),
        ("https://api.example.org/v1", []),
        ("http://vllm.other/v1", []),  # another namespace, or a domain: `.svc` says which
    ],
)
def test_services_that_the_values_name_are_called_directly(url, direct):
    table = assessor(proxied(BOTH, decoder={"url": url}))
    assert table["NO_PROXY"].split(",") == [*INTERNAL, *direct, ".corp.example", "10.0.0.0/8"]


def test_the_cluster_domain_and_all_services_of_the_jobs_are_direct():
    values = proxied(BOTH, clusterDomain="k8s.example", judge={"url": "http://model-large/v1"})
    (_, spec), *_ = pods(one(render("pipelines", values), "Job"))
    names = variables(spec)["NO_PROXY"].split(",")
    assert ".svc.k8s.example" in names
    assert {"assessor", "assessor-encoder", "model-server", "model-large", "x-pipelines-mlflow"} <= set(names)


def test_a_variable_of_the_values_replaces_that_of_the_proxy():
    key = {"name": "HTTPS_PROXY", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}}
    values = proxied(BOTH, extraEnv=[key])
    (_, spec), *_ = pods(one(render("model-server", values), "Deployment"))
    assert [e for e in spec["containers"][0]["env"] if e["name"] == "HTTPS_PROXY"] == [key]


def test_the_download_of_ollama_has_the_proxy_too():
    (_, spec), *_ = pods(one(render("model-server", OLLAMA | proxied(BOTH)), "Deployment"))
    assert variables(spec)["HTTPS_PROXY"] == URL
    assert spec["initContainers"]


def test_an_air_gapped_server_has_no_proxy():
    source = {"source": "pvc", "pvc": {"claimName": "models"}}
    objects = render("model-server", proxied(BOTH, airGapped=True, model=source))
    (_, spec), *_ = pods(one(objects, "Deployment"))
    assert variables(spec) == {}
    assert "3128" not in str(one(objects, "NetworkPolicy"))


@pytest.mark.parametrize(
    ("proxy", "to"),
    [
        ({"https": URL}, None),
        ({"https": "http://192.0.2.7:3128"}, ["192.0.2.7/32"]),
        ({"https": "http://[2001:db8::7]:3128"}, ["2001:db8::7/128"]),
        ({"https": URL, "cidrs": ["192.0.2.0/28", "2001:db8::/64"]}, ["192.0.2.0/28", "2001:db8::/64"]),
    ],
)
@pytest.mark.parametrize(
    ("chart", "name"),
    [("assessor", "x-assessor"), ("model-server", "x-model-server"), ("pipelines", "x-pipelines")],
)
def test_the_network_policy_opens_the_port_of_the_proxy(chart, name, proxy, to):
    policy = one(render(chart, proxied(proxy)), "NetworkPolicy", name)
    (rule,) = [rule for rule in policy["spec"]["egress"] if "3128" in str(rule)]
    assert rule["ports"] == [{"port": 3128, "protocol": "TCP"}]
    assert rule.get("to") == (to and [{"ipBlock": {"cidr": cidr}} for cidr in to])


def test_two_proxies_are_two_rules():
    policy = one(
        render("assessor", proxied({"http": "http://a:80", "https": "http://b:81"})),
        "NetworkPolicy",
        "x-assessor",
    )
    ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", [])]
    assert ports[-2:] == [80, 81]


@pytest.mark.parametrize(
    ("proxy", "problem"),
    [
        ({"https": "proxy.example.org:3128"}, "does not match pattern"),
        ({"noProxy": "a, b"}, "does not match pattern"),
        ({"cidrs": ["192.0.2.7"]}, "does not match pattern"),
        ({"htps": URL}, "additional properties 'htps' not allowed"),
    ],
)
@pytest.mark.parametrize("chart", EVERYTHING)
def test_a_wrong_value_is_rejected_with_its_path(chart, proxy, problem):
    error = render_error(chart, proxied(proxy))
    assert "/global/proxy" in error
    assert problem in error


LLAMACPP = {
    "engine": "llamacpp",
    "quantization": "gguf-q4_k_m",
    "concurrency": 4,
    "model": {"file": "a.gguf", "sizeGiB": 1},
}


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        (LLAMACPP, True),
        (merged(LLAMACPP, {"model": {"source": "pvc", "pvc": {"claimName": "models"}}}), False),
        ({}, False),
    ],
    ids=["llama.cpp", "llama.cpp from a claim", "vLLM"],
)
def test_the_notes_warn_of_an_engine_that_downloads_without_the_proxy(notes, values, warned):
    warning = "does not download through a proxy"
    assert (warning in notes(merged(values, proxied(BOTH)))) == warned
    assert warning not in notes(values)
