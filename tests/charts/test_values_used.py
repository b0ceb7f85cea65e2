"""Every key of values.yaml changes what is rendered, and null in place of any value fails, if at all, with its name."""

import re
from functools import cache

import pytest
import yaml

from tests.charts.conftest import GENERATED, NAMES, chart_folder
from tools.charts.helm import template
from tools.charts.values import Key, read, walk

# Candidates for texts, of which a schema accepts at least one; OTHER has values for schemas that accept none.
TEXTS = ("changed", "https://changed.example", "9Gi", "7s", "sha256:" + "0" * 64, "signalbox:changed", "1.0")
POSTGRES = {"replicas": 2, "database": {"type": "postgres", "postgres": {"existingSecret": "a"}}}
RUNS = {"enabled": True, "schedule": "@daily"}
JOBS = {
    "jobs": dict.fromkeys(("calibrate", "evaluate", "compare", "drift", "judge"), RUNS),
    "judge": {"url": "https://a.example/v1", "model": "a"},
    "metrics": {"enabled": True},
    "serviceMonitor": {"enabled": True},
}
ELSEWHERE = {part: {"decoder": {"url": "http://vllm.other/v1"}} for part in ("assessor", "pipelines")}
GGUF = {"engine": "llamacpp", "quantization": "gguf-q4_k_m", "concurrency": 4, "model": {"file": "a.gguf"}}


def merged(below: dict, above: dict) -> dict:
    both = {
        key: merged(below[key], value)
        if isinstance(value, dict) and isinstance(below.get(key), dict)
        else value
        for key, value in above.items()
    }
    return below | both


# (chart, key) → another value, where its type does not tell one.
OTHER: dict[tuple[str, str], object] = {
    ("assessor", "encoder.storageUri"): "pvc://changed/release",
    ("assessor", "database.postgres.url"): "postgresql://a.example/b",
    ("model-server", "affinity"): {"podAntiAffinity": {}},
    ("model-server", "persistence.accessModes"): ["ReadWriteMany"],
    ("model-server", "autoscaling.metrics"): [{"rule": "signalbox:changed", "perServer": 9}],
    ("model-server", "capacity.enforce"): False,
    ("model-server", "gpu.product"): "A10",
    ("model-server", "quantization"): "fp8",
    ("model-server", "kvCacheDtype"): "fp8",
    ("model-server", "attentionBackend"): "FLASHINFER",
    ("model-server", "multimodal.images"): 2,
    ("model-server", "speculative.method"): "ngram",
    ("model-server", "offload.gpuLayers"): 8,
    ("model-server", "model.s3.uri"): "s3://changed",
    ("model-server", "engines"): {"vllm": {"port": 9000}},
    ("model-server", "lora.adapters"): [{"name": "a", "repository": "b/c"}],
    ("model-server", "ollama.modelfiles"): {"changed": "FROM a"},
    ("pipelines", "mlflow.s3.uri"): "s3://changed",
    ("monitoring", "alerts.disabled"): ["SignalboxDrift"],
    ("monitoring", "slo.availabilityObjective"): 0.5,
    ("monitoring", "slo.latencyObjective"): 0.5,
    ("signalbox", "models"): {"small": {"engine": "vllm"}},
    ("assessor", "persistence.accessModes"): ["ReadWriteMany"],
    ("pipelines", "persistence.accessModes"): ["ReadWriteMany"],
    ("pipelines", "mlflow.persistence.accessModes"): ["ReadWriteMany"],
    ("model-server", "pools"): {"L4": {"gfd": {"changed": ["yes"]}}},
}
# End of a key → another value, in all charts.
HATCHES: dict[str, object] = {
    "podTemplate": {"spec": {"dnsPolicy": "Default"}},
    "envFrom": [{"prefix": "CHANGED_"}],
    "strategy": {"type": "Recreate", "rollingUpdate": {}},
    "loadBalancerSourceRanges": ["192.0.2.0/24"],
    "cidrs": ["192.0.2.0/24"],
    "extraObjects": [{"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "changed"}}],
}
# (chart, key) → why no render shows it.
UNUSED = {
    ("assessor", "enabled"): "A parent chart uses it as the condition of the dependency.",
    ("signalbox", "enabled"): "A parent chart uses it as the condition of the dependency.",
    ("pipelines", "enabled"): "A parent chart uses it as the condition of the dependency.",
    ("monitoring", "enabled"): "A parent chart uses it as the condition of the dependency.",
    ("monitoring", "global"): "Helm passes it to all charts; this one has no pods.",
    **{("monitoring", f"grafana.{key}"): "The notes name it." for key in ("service", "namespace", "port")},
    ("model-server", "capacity.plan.tokens"): "The fit check in the notes has them: test_plan_round_trip.py.",
    (
        "model-server",
        "capacity.plan.settings",
    ): "The fit check in the notes compares them: test_plan_round_trip.py.",
    ("pipelines", "jobDefaults.enabled"): "Each job sets it itself: the default only shows the key.",
}
PROXY = {"global": {"proxy": {"https": "http://a.example"}}}
AUTOSCALED = {"autoscaling": {"enabled": True}, "persistence": {"enabled": False}}
# (chart, beginning of a key) → further values that make it count; without a row the key must count with the defaults.
SIGNED = {"certificates": {"existingSecret": "a"}}
NEEDS: dict[tuple[str, str], dict] = {
    ("assessor", "autoscaling."): POSTGRES | {"autoscaling": {"enabled": True}},
    ("assessor", "global.proxy."): PROXY,
    ("assessor", "clusterDomain"): PROXY,
    ("model-server", "global.proxy."): PROXY,
    ("model-server", "clusterDomain"): PROXY,
    ("pipelines", "global.proxy."): PROXY,
    ("signalbox", "global.proxy."): PROXY,
    ("assessor", "encoder.service.loadBalancerSourceRanges"): {
        "encoder": {"service": {"type": "LoadBalancer"}}
    },
    ("model-server", "prometheusRule."): {"prometheusRule": {"enabled": True}},
    ("assessor", "caBundle.key"): {"caBundle": {"existingConfigMap": "a"}},
    ("assessor", "database.postgres."): POSTGRES,
    ("assessor", "spoolSize"): POSTGRES,
    ("assessor", "encoder.scaleTarget"): {"encoder": {"maxReplicas": 2}},
    ("assessor", "thresholds.claimPath"): {"thresholds": {"existingClaim": "a"}},
    ("assessor", "certificates.publicKey"): {"certificates": {"existingSecret": "a"}},
    ("assessor", "certificates.claimPath"): {"thresholds": {"existingClaim": "a"}},
    ("pipelines", "certificates."): {
        "jobs": {"certify": {"enabled": True}},
        "certificates": {"existingSecret": "a"},
    },
    ("pipelines", "jobs.certify."): SIGNED | {"jobs": {"certify": {"enabled": True}}},
    ("pipelines", "jobs.watch."): SIGNED | {"jobs": {"watch": {"enabled": True}}},
    ("pipelines", "jobs.golden."): SIGNED | {"jobs": {"golden": {"enabled": True}}},
    ("assessor", "plan."): {"plan": {"enabled": True}},
    ("assessor", "podDisruptionBudget."): POSTGRES,
    ("assessor", "replicas"): POSTGRES,
    ("assessor", "ingress."): {"ingress": {"enabled": True, "host": "a.example"}},
    ("assessor", "migration."): POSTGRES,
    ("assessor", "apiKeys.requestsPerMinute"): GENERATED["assessor"],
    ("assessor", "service.loadBalancerSourceRanges"): {"service": {"type": "LoadBalancer"}},
    ("model-server", "service.loadBalancerSourceRanges"): {"service": {"type": "LoadBalancer"}},
    ("pipelines", "mlflow.service.loadBalancerSourceRanges"): {
        "mlflow": {"service": {"type": "LoadBalancer"}}
    },
    ("model-server", "ingress."): {"ingress": {"enabled": True, "host": "a.example"}},
    ("pipelines", "mlflow.ingress."): {"mlflow": {"ingress": {"enabled": True, "host": "a.example"}}},
    ("pipelines", "mlflow.httpRoute."): {
        "mlflow": {"httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]}}
    },
    ("assessor", "httpRoute."): {"httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]}},
    ("assessor", "serviceMonitor."): {"serviceMonitor": {"enabled": True}},
    ("model-server", "lora.maxRank"): {"lora": {"adapters": [{"name": "a", "repository": "b/c"}]}},
    ("model-server", "chatTemplate.key"): {"chatTemplate": {"existingConfigMap": "a"}},
    ("model-server", "apiKey.value"): {"apiKey": {"value": "a"}},
    ("model-server", "autoscaling."): AUTOSCALED,
    ("model-server", "autoscaling.wake"): merged(AUTOSCALED, {"autoscaling": {"minReplicas": 0}}),
    ("model-server", "autoscaling.enabled"): {"persistence": {"enabled": False}},
    ("model-server", "caBundle.key"): {"caBundle": {"existingConfigMap": "a"}},
    ("model-server", "capacity.enforce"): {"gpu": {"product": "T4"}},
    ("model-server", "capacity.model"): {"gpu": {"count": 3}, "parallelism": {"tensor": 3}},
    ("model-server", "httpRoute."): {"httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]}},
    ("model-server", "inferencePool."): {"inferencePool": {"enabled": True, "endpointPicker": "a"}},
    ("model-server", "serviceMonitor."): {"serviceMonitor": {"enabled": True}},
    ("model-server", "gpu.migStrategy"): {"gpu": {"product": "H100-MIG-1g.10gb"}},
    ("model-server", "model.token.existingSecretKey"): {"model": {"token": {"existingSecret": "a"}}},
    ("model-server", "model.oci."): {"model": {"source": "oci", "oci": {"reference": "a/b:1"}}},
    ("model-server", "model.pvc."): {"model": {"source": "pvc", "pvc": {"claimName": "a"}}},
    ("model-server", "model.quantized"): {"quantization": "bnb-nf4"},
    ("model-server", "model.file"): GGUF,
    ("model-server", "sharedCache"): GGUF,
    ("model-server", "offload.gpuLayers"): GGUF,
    ("model-server", "speculative."): {"speculative": {"method": "draft_model", "model": "a/b", "tokens": 5}},
    ("model-server", "speculative.method"): {"speculative": {"tokens": 5}},
    ("model-server", "model.s3."): {"model": {"source": "s3", "s3": {"uri": "s3://a/b"}}},
    ("model-server", "model.url."): merged(
        GGUF, {"model": {"source": "url", "url": {"address": "https://a.example/a.gguf"}}}
    ),
    ("monitoring", "dashboards.instanceSelector"): {"dashboards": {"provider": "operator"}},
    ("signalbox", "monitoring."): {"monitoring": {"enabled": True}},
    ("signalbox", "monitoring.enabled"): {},
    ("pipelines", ""): JOBS,
    ("signalbox", "model-server.enabled"): ELSEWHERE,
    ("signalbox", "model-server.fullnameOverride"): ELSEWHERE,
    ("signalbox", "assessor.enabled"): {"pipelines": {"persistence": {"existingClaim": ""}}},
    ("pipelines", "judge.apiKey.existingSecretKey"): merged(
        JOBS, {"judge": {"apiKey": {"existingSecret": "a"}}}
    ),
    ("pipelines", "caBundle.key"): {"caBundle": {"existingConfigMap": "a"}},
    ("pipelines", "jobDefaults."): {"jobs": {"evaluate": RUNS}},
    ("pipelines", "jobs.gate."): {"jobs": {"gate": {"enabled": True, "args": ["--baseline", "a#decoder"]}}},
    ("pipelines", "database.postgres."): JOBS
    | {"database": {"type": "postgres", "postgres": {"existingSecret": "a"}}},
    ("model-server", "probes.startup.secondsPerGiBRead"): {
        "model": {"source": "pvc", "pvc": {"claimName": "a"}}
    },
}


def leaves(chart: str) -> list[Key]:
    return [key for key in walk(read(chart_folder(chart) / "values.yaml")) if not key.children]


def other(chart: str, key: Key, values: dict) -> object:
    """A value that the schema accepts, other than the one in `values` or the default."""
    if (chart, key.path) in OTHER:
        return OTHER[chart, key.path]
    if key.path.rpartition(".")[2] in HATCHES:
        return HATCHES[key.path.rpartition(".")[2]]
    node: object = values
    for part in key.path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return _other(key.schema, key.default if node is None else node)


def _other(schema: dict, default: object) -> object:
    if "enum" in schema:
        return next(value for value in schema["enum"] if value != default and value is not None)
    kinds = schema.get("type", _kind(default))
    kind = next(kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null")
    if kind == "string":
        pattern = re.compile(schema.get("pattern", ""))
        return next(text for text in TEXTS if pattern.search(text) and text != default)
    if kind in ("integer", "number"):
        above = (default or schema.get("minimum", 0)) + 1
        return above if above <= schema.get("maximum", above) else schema.get("maximum", 1) / 2
    if kind == "array":
        return [_other(schema.get("items", {"type": "object"}), None)]
    if kind == "object":
        names = schema.get("required", ["name"])
        fields = schema.get("properties", {})
        if schema.get("additionalProperties") not in (None, False, True):
            return {"changed": _other(schema["additionalProperties"], None)}
        return {name: _other(fields.get(name, {"type": "string"}), None) for name in names}
    return not default


def _kind(default: object) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    return kinds.get(type(default), "string")


def nested(path: str, value: object) -> dict:
    for part in reversed(path.split(".")):
        value = {part: value}
    return value


def needs(chart: str, path: str) -> dict:
    """The values that make a key count: of the longest beginning in NEEDS."""
    rows = [start for name, start in NEEDS if name == chart and path.startswith(start)]
    return NEEDS[chart, max(rows, key=len)] if rows else {}


def lines(chart: str, values: dict) -> list[str]:
    """Output of helm, or the error of a template; an error of the schema is no proof that a value is used."""
    process = template(chart_folder(chart), values=yaml.safe_dump(values))
    assert "don't meet the specifications" not in process.stderr, process.stderr
    return (process.stdout if process.returncode == 0 else process.stderr).splitlines()


@cache
def unchanged(chart: str, place: str) -> tuple[list[str], set[int]]:
    """The render of a base, and the lines that differ from one render to the next (a generated key)."""
    values = yaml.safe_load(place)
    first, second = lines(chart, values), lines(chart, values)
    return first, {
        number for number, pair in enumerate(zip(first, second, strict=True)) if len(set(pair)) > 1
    }


def counts(chart: str, key: Key) -> bool:
    """Whether another value changes the render, or the error that rejects it."""
    values = needs(chart, key.path)
    before, volatile = unchanged(chart, yaml.safe_dump(values))
    after = lines(chart, merged(values, nested(key.path, other(chart, key, values))))
    pairs = enumerate(zip(before, after, strict=False))
    return len(before) != len(after) or any(a != b for number, (a, b) in pairs if number not in volatile)


@pytest.mark.parametrize("chart", NAMES)
def test_every_value_changes_a_render(chart):
    unused = [key.path for key in leaves(chart) if (chart, key.path) not in UNUSED and not counts(chart, key)]
    assert unused == []


@pytest.mark.parametrize("chart", NAMES)
def test_null_in_place_of_a_value_that_is_needed_is_named(chart):
    """Helm removes a key that is null, and a template that misses it would only say "nil pointer"."""
    needed = _needed(chart)
    values: dict = {}
    for key in needed:
        values = merged(values, nested(key.path, None))
    error = template(chart_folder(chart), values=yaml.safe_dump(values)).stderr
    missed = [key.path for key in needed if f"'{key.path.rpartition('.')[2]}'" not in error]
    assert missed == []


@pytest.mark.parametrize("chart", NAMES)
def test_null_means_none_where_the_default_is_empty(chart):
    values: dict = {}
    for key in leaves(chart):
        if key.default in ("", [], {}):
            values = merged(values, nested(key.path, None))
    process = template(chart_folder(chart), values=yaml.safe_dump(values))
    plain = template(chart_folder(chart))
    assert (process.returncode, process.stdout.count("\n")) == (plain.returncode, plain.stdout.count("\n")), (
        process.stderr
    )


def _needed(chart: str) -> list[Key]:
    """The keys with a default that null would take away; not those in a map that users fill as they like."""
    free = tuple(f"{key.path}." for key in walk(read(chart_folder(chart) / "values.yaml")) if key.open)
    return [
        key
        for key in leaves(chart)
        if key.default not in (None, "", [], {})
        and "null" not in key.schema.get("type", ())
        and not key.path.startswith(free)
    ]


def test_what_nothing_uses_is_found():
    """A key that no template names changes nothing."""
    before, volatile = unchanged("model-server", yaml.safe_dump(GENERATED["model-server"]))
    assert len(volatile) == 1
    assert lines("model-server", {"podAnnotations": {"a": "b"}}) != before
