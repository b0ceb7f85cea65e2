"""signalbox:requests_waiting: one recording rule for all engines, which KEDA and the HorizontalPodAutoscaler read."""

import re
import shutil
import subprocess

import promql_parser
import pytest
import yaml

from tests.charts.conftest import chart_folder, one, render
from tests.charts.hatches import NODES, OLLAMA, merged

RULE = "signalbox:requests_waiting"
ENGINES = yaml.safe_load(
    (chart_folder("model-server") / "files" / "engines.yaml").read_text(encoding="utf-8")
)
VALUES = {
    "vllm": {},
    "tgi": {"engine": "tgi", "gpu": {"product": "L4"}, "image": {"repository": "us/tgi"}},
    "llamacpp": {
        "engine": "llamacpp",
        "quantization": "gguf-q4_k_m",
        "concurrency": 4,
        "model": {"file": "a.gguf", "sizeGiB": 1},
    },
    "nim": {
        "engine": "nim",
        "model": {"name": "meta/llama-3.1-8b-instruct"},
        "gpu": {"product": "H100"},
        "quantization": "bf16",
    },
}
ENABLED = {"prometheusRule": {"enabled": True}}
SCALED = {"autoscaling": {"enabled": True}, "persistence": {"enabled": False}}


def rule(values: dict) -> dict:
    item = one(render("model-server", merged(values, ENABLED)), "PrometheusRule")
    (group,) = item["spec"]["groups"]
    (recording,) = group["rules"]
    return recording


def selectors(node: object) -> list:
    """The vector selectors of a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        return [node]
    children = [getattr(node, name, None) for name in ("expr", "lhs", "rhs")]
    children += getattr(node, "args", None) or []
    return [item for child in children if child is not None for item in selectors(child)]


def labels(selector: promql_parser.VectorSelector) -> dict[str, str]:
    return {matcher.name: matcher.value for matcher in selector.matchers.matchers}


def test_every_engine_with_metrics_has_a_queue():
    assert {name for name, engine in ENGINES.items() if engine["metrics"]} == {
        name for name, engine in ENGINES.items() if engine.get("waiting")
    }


@pytest.mark.parametrize("engine", VALUES)
def test_the_rule_sums_the_queues_of_this_server(engine):
    recording = rule(VALUES[engine])
    assert recording["record"] == RULE
    expression = promql_parser.parse(recording["expr"]).lhs
    assert str(expression.op) == "sum"
    assert expression.modifier.labels == ["namespace", "service"]
    (selector,) = selectors(expression)
    assert selector.name == ENGINES[engine]["waiting"]
    assert labels(selector) == {"namespace": "models", "service": "x-model-server"}


@pytest.mark.parametrize(
    ("values", "service"),
    [
        (SCALED, "x-model-server"),
        (SCALED | NODES, "x-model-server"),
        (SCALED | {"kserve": {"enabled": True}}, "x-model-server-predictor"),
    ],
    ids=["Deployment", "LeaderWorkerSet", "InferenceService"],
)
def test_the_query_of_keda_reads_what_the_rule_writes(values, service):
    """Same name and labels, so that the query has a value whenever the rule has one."""
    objects = render("model-server", merged(values, ENABLED))
    (query,) = re.findall(r"query: '?\"?(sum.*?\}\))", yaml.safe_dump(objects, width=1000))
    (selector,) = selectors(promql_parser.parse(query.replace('\\"', '"')))
    (source,) = selectors(promql_parser.parse(rule(values)["expr"]))
    assert selector.name == rule(values)["record"]
    assert labels(selector) == labels(source) == {"namespace": "models", "service": service}


def test_the_autoscaler_of_kubernetes_selects_the_labels_of_the_rule():
    values = merged(SCALED, {"autoscaling": {"kind": "hpa"}})
    (metric,) = one(render("model-server", values), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["external"]["metric"] == {
        "name": RULE,
        "selector": {"matchLabels": {"service": "x-model-server"}},
    }


def test_there_is_no_rule_unless_values_ask_for_one_or_if_the_engine_has_no_metrics():
    for values in ({}, merged(OLLAMA, ENABLED), merged({"enabled": False}, ENABLED)):
        assert "PrometheusRule" not in {item["kind"] for item in render("model-server", values)}


def test_each_server_of_the_stack_has_its_own_rule():
    models = {"small": ENABLED, "large": ENABLED}
    objects = render("signalbox", {"models": models, "model-server": ENABLED})
    rules = [item for item in objects if item["kind"] == "PrometheusRule"]
    names = {item["metadata"]["name"] for item in rules}
    assert names == {"model-server", "model-small", "model-large"}
    for item in rules:
        (group,) = item["spec"]["groups"]
        (selector,) = selectors(promql_parser.parse(group["rules"][0]["expr"]))
        assert labels(selector)["service"] == item["metadata"]["name"]


def test_the_notes_name_a_rule_that_is_missing(notes):
    assert "Set prometheusRule.enabled" in notes(SCALED)
    assert "Set prometheusRule.enabled" not in notes(merged(SCALED, ENABLED))
    assert "serviceMonitor.enabled is false" in notes(merged(SCALED, ENABLED))


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus"
)
@pytest.mark.parametrize("engine", VALUES)
@pytest.mark.parametrize("monitoring", [False, True], ids=["alone", "with charts/monitoring"])
def test_prometheus_loads_the_rule_and_computes_it(engine, monitoring, tmp_path):
    """Two replicas with 3 and 4 waiting requests, next to the server of another release; then none."""
    item = one(render("model-server", merged(VALUES[engine], ENABLED)), "PrometheusRule")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(item["spec"]), encoding="utf-8")
    files = ["rules.yaml"]
    if monitoring:
        shutil.copy(chart_folder("monitoring") / "files" / "rules" / "recording.yaml", tmp_path)
        files.append("recording.yaml")
    place = 'namespace="models", service="x-model-server"'
    queue = ENGINES[engine]["waiting"]
    series = [(place, "a", 3), (place, "b", 4), (place.replace("x-", "y-"), "c", 9)]
    test = {
        "rule_files": files,
        "tests": [
            {
                "interval": "30s",
                "input_series": [
                    {"series": f'{queue}{{{where}, pod="{pod}"}}', "values": f"{waiting}+0x9 stale"}
                    for where, pod, waiting in series
                ],
                "promql_expr_test": [
                    {
                        "expr": f'{RULE}{{service="x-model-server"}}',
                        "eval_time": minute,
                        "exp_samples": [
                            {"labels": f'{RULE}{{{place}, source="model-server"}}', "value": value}
                        ],
                    }
                    for minute, value in (("2m", 7), ("20m", 0))
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test), encoding="utf-8")
    for command in (["check", "rules", "rules.yaml"], ["test", "rules", "test.yaml"]):
        done = subprocess.run(["promtool", *command], cwd=tmp_path, capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
