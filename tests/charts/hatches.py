"""Every part of the charts that has pods, with the values that create it, for the tests of what users can change."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.charts.conftest import POSTGRES, pods, render

S3 = {"model": {"source": "s3", "s3": {"uri": "s3://models/a"}}}
OLLAMA = {
    "engine": "ollama",
    "quantization": "gguf-q4_k_m",
    "model": {"name": "llama3.2:3b"},
    "concurrency": 2,
}
NODES = {
    "model": {"name": "meta-llama/Llama-3.1-405B-Instruct"},
    "gpu": {"product": "H100", "count": 16},
    "quantization": "fp8",
    "parallelism": {"tensor": 8, "pipeline": 2, "nodes": 2},
    "persistence": {
        "enabled": False,
    },
}
ENCODER = {"encoder": {"kserve": True, "storageUri": "pvc://a/b"}}
SCHEDULE = {"jobs": {"drift": {"enabled": True, "schedule": "@daily"}}}
METRICS = {"metrics": {"enabled": True}}


@dataclass(frozen=True)
class Part:
    """A part of a chart: where its hatches are in the values, its container, its objects."""

    chart: str
    path: str
    container: str
    kinds: tuple[str, ...]
    values: dict = field(default_factory=dict)
    # Where extraEnv and envFrom are; empty if they are next to podTemplate, None if the part has none.
    environment: str | None = ""
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.chart}:{self.path or 'chart'}:{self.kinds[0]}"


PARTS = [
    Part("model-server", "", "server", ("Deployment",)),
    Part("model-server", "", "pull", ("Deployment",), OLLAMA),
    Part("model-server", "", "download", ("Deployment",), S3),
    Part("model-server", "", "server", ("LeaderWorkerSet",), NODES, names=("server", "worker")),
    Part(
        "model-server",
        "",
        "server",
        ("InferenceService",),
        {"kserve": {"enabled": True}},
        names=("kserve-container",),
    ),
    Part("model-server", "helmTest", "query", ("Pod",), environment=None),
    Part("assessor", "", "assessor", ("Deployment",)),
    Part("assessor", "migration", "migrate", ("Job",), POSTGRES, environment="chart"),
    Part("assessor", "encoder", "encoder", ("Deployment",)),
    Part("assessor", "encoder", "kserve-container", ("ServingRuntime", "InferenceService"), ENCODER),
    Part("assessor", "helmTest", "assess", ("Pod",), environment=None),
    Part("pipelines", "jobDefaults", "job", ("CronJob",), SCHEDULE, names=("drift",)),
    Part("pipelines", "jobs.train", "train", ("Job",)),
    Part("pipelines", "mlflow", "mlflow", ("Deployment",)),
    Part("pipelines", "metrics", "metrics", ("Deployment",), METRICS),
    Part("pipelines", "helmTest", "check", ("Pod",), environment="jobDefaults"),
]

CHARTS_WITH_PARTS = sorted({part.chart for part in PARTS})


def nested(path: str, value: object) -> dict:
    """The values that set the key at `path`; an empty path is the top."""
    for name in reversed(path.split(".") if path else []):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def merged(below: dict, above: dict) -> dict:
    """`above` over `below`, map by map."""
    both = {
        key: merged(below[key], value)
        if isinstance(value, dict) and isinstance(below.get(key), dict)
        else value
        for key, value in above.items()
    }
    return below | both


def with_keys(part: Part, keys: dict, path: str | None = None) -> dict:
    """The values of a part with these keys at its place, or at `path`."""
    return merged(part.values, nested(part.path if path is None else path, keys))


def objects_of(part: Part, values: dict) -> list[dict]:
    """The objects of a part; a Deployment, Job or Pod is the one with the part's container."""
    items = [item for item in render(part.chart, values) if item["kind"] in part.kinds]
    return [item for item in items if len(part.kinds) > 1 or any(containers(part, item))]


def pod_specs(part: Part, values: dict) -> list[dict]:
    """The specs that make up the pods of a part."""
    if len(part.kinds) > 1:  # KServe merges the runtime and the predictor
        runtime, service = sorted(objects_of(part, values), key=lambda item: part.kinds.index(item["kind"]))
        return [service["spec"]["predictor"] | runtime["spec"]]
    return [spec for item in objects_of(part, values) for _, spec in pods(item)]


def containers(part: Part, node: object) -> list[dict]:
    """The containers of the part in an object or a pod spec, wherever they are."""
    names = part.names or (part.container,)
    if isinstance(node, list):
        return [item for child in node for item in containers(part, child)]
    if not isinstance(node, dict):
        return []
    if node.get("name") in names and "image" in node:
        return [node]
    return [item for child in node.values() for item in containers(part, child)]
