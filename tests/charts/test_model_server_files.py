"""The cache and the start of a model server have room and time for the files that the engine downloads."""

import pytest
import yaml

from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.units import MIB
from tests.charts.conftest import EXAMPLES, chart_folder, one, pods, render, render_error, render_example
from tools.capacity.chart_files import file_mib, model_files

CHART = "model-server"
MINE = [example for chart, example in EXAMPLES if chart == CHART]
ENGINES = yaml.safe_load((chart_folder(CHART) / "files" / "engines.yaml").read_text(encoding="utf-8"))
HEADROOM = 1.2
SECONDS_DOWNLOADED, SECONDS_READ = 30, 8
LLAMA_8B, LLAMA_70B = "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-70B-Instruct"
GIB = {"Gi": 1, "Ti": 1024}
WAY_AROUND = {"enforce": "warn"}  # the disk must be right for what does not fit a GPU, too


def cache_gib(objects: list[dict]) -> float:
    """GiB of the volume at /cache."""
    claims = [item for item in objects if item["kind"] == "PersistentVolumeClaim"]
    if claims:
        size = claims[0]["spec"]["resources"]["requests"]["storage"]
    else:
        volumes = next(spec["volumes"] for item in objects for _, spec in pods(item))
        size = next(volume for volume in volumes if volume["name"] == "cache")["emptyDir"]["sizeLimit"]
    return float(size[:-2]) * GIB[size[-2:]]


def budget_seconds(objects: list[dict]) -> int:
    """Seconds until the startup probe restarts the server."""
    servers = [spec for item in objects if item["kind"] != "Pod" for _, spec in pods(item)]
    probe = servers[0]["containers"][0]["startupProbe"]
    return probe["failureThreshold"] * probe["periodSeconds"]


def files_gib(values: dict) -> float:
    """GiB of the files by the count of parameters, worked out without the chart's table."""
    if values["model"].get("sizeGiB"):
        return values["model"]["sizeGiB"]
    name, engine = values["model"]["name"], values["engine"]
    rows = default_catalogue()
    plain = values.get("capacity", {}).get("model") or {
        "llama3.2:3b": "llama3.2-3b",
        "llama3.3:70b-instruct-q8_0": "llama3.3-70b",
        "meta/llama-3.1-8b-instruct": LLAMA_8B,
        "meta/llama-3.1-70b-instruct": LLAMA_70B,
    }.get(name, name.replace("hugging-quants/Meta-", "meta-llama/").replace("bartowski/Meta-", "meta-llama/"))
    model = rows.model(plain).architecture
    quantization = values["quantization"]
    stored = values["model"].get("quantized") or engine in ("llamacpp", "ollama")
    if stored and quantization not in ("bf16", "fp16"):
        return file_mib(model, rows.quantization(quantization)) / 1024
    return model.parameters.total * 2 / 1024**3


@pytest.mark.parametrize("example", MINE)
def test_every_example_has_room_and_time_for_its_files(example):
    values = yaml.safe_load(
        (chart_folder(CHART) / "examples" / f"{example}.yaml").read_text(encoding="utf-8")
    )
    objects, size = render_example(CHART, example), files_gib(values)
    read = values["model"].get("source") in ("pvc", "oci")
    seconds = size * (SECONDS_READ if read else SECONDS_DOWNLOADED)
    assert cache_gib(objects) >= size * HEADROOM
    assert budget_seconds(objects) >= seconds + ENGINES.get(values["engine"], ENGINES["vllm"])["startup"]


def configuration(engine: str, name: str, quantization: str, **more) -> dict:
    model = {"name": name, "quantized": more.pop("quantized", False)}
    if engine == "llamacpp":
        model["file"] = "model.gguf"
    if engine == "nim":
        more["image"] = {"tag": "1.8.4"}
    gpu = {"product": "H200", "count": more.get("parallelism", {}).get("tensor", 1)}
    return {
        "engine": engine,
        "model": model,
        "gpu": gpu,
        "quantization": quantization,
        "concurrency": 1,
        "capacity": WAY_AROUND,
    } | more


GRID = [
    configuration(engine, name, quantization, quantized=quantized)
    for name in (LLAMA_8B, LLAMA_70B, "Qwen/Qwen2.5-72B-Instruct", "Qwen/Qwen3-1.7B")
    for engine, quantization, quantized in (
        ("vllm", "bf16", False),
        ("vllm", "fp8", False),
        ("vllm", "fp8", True),
        ("vllm", "bnb-nf4", False),
        ("vllm", "awq-int4", True),
        ("vllm", "awq-int4", False),
        ("vllm", "w8a8-int8", True),
        ("tgi", "eetq", False),
        ("tgi", "gptq-int4", True),
        ("llamacpp", "gguf-q8_0", False),
        ("llamacpp", "gguf-f16", False),
        ("nim", "fp8", False),
    )
] + [
    configuration("ollama", "llama3.3:70b-instruct-q8_0", "gguf-q8_0"),
    configuration("ollama", "llama3.2:3b", "gguf-q4_k_m"),
    configuration("nim", "meta/llama-3.1-70b-instruct", "bf16"),
]


@pytest.mark.parametrize(
    "values",
    GRID,
    ids=lambda values: f"{values['engine']} {values['model']['name']} {values['quantization']}",
)
def test_every_configuration_has_room_and_time_for_its_files(values):
    objects, size = render(CHART, values), files_gib(values)
    assert cache_gib(objects) >= size * HEADROOM
    assert budget_seconds(objects) >= size * SECONDS_DOWNLOADED + ENGINES[values["engine"]]["startup"]
    assert cache_gib(objects) <= max(50, size * HEADROOM * 1.2 + 1)


@pytest.mark.parametrize(
    ("values", "cache", "seconds"),
    [
        (
            configuration("vllm", LLAMA_70B, "fp8", parallelism={"tensor": 2})
            | {"gpu": {"product": "H100", "count": 2}},
            158,
            4543,
        ),
        (configuration("ollama", "llama3.3:70b-instruct-q8_0", "gguf-q8_0"), 84, 2160),
        (
            configuration(
                "vllm",
                "meta-llama/Llama-3.1-405B-Instruct-FP8",
                "fp8",
                quantized=True,
                parallelism={"tensor": 16, "nodes": 2},
                persistence={"accessModes": ["ReadWriteMany"]},
            ),
            456,
            12000,
        ),
        (configuration("vllm", "meta-llama/Llama-3.1-405B-Instruct", "fp8"), 907, 23000),
        (configuration("nim", "meta/llama-3.1-70b-instruct", "fp8"), 158, 5142),
        (configuration("vllm", "microsoft/Phi-3-medium-128k-instruct", "bnb-nf4"), 50, 1383),
        (configuration("vllm", LLAMA_8B, "bnb-nf4"), 50, 1050),
    ],
    ids=[
        "70B, FP8 on load",
        "Ollama 70B",
        "405B in FP8",
        "405B, FP8 on load",
        "NIM 70B",
        "Phi-3 medium",
        "8B",
    ],
)
def test_the_sizes_are_those_of_the_downloads(values, cache, seconds):
    objects = render(CHART, values)
    assert cache_gib(objects) >= cache
    assert budget_seconds(objects) >= seconds


@pytest.mark.parametrize("tensor", [1, 2, 4, 8, 16])
def test_the_sizes_do_not_depend_on_the_number_of_gpus(tensor):
    objects = render(CHART, configuration("vllm", LLAMA_70B, "fp8", parallelism={"tensor": tensor}))
    assert (cache_gib(objects), budget_seconds(objects)) == (158, 4550)


def test_a_model_that_is_published_in_fewer_bits_is_not_counted_in_16():
    objects = render(CHART, configuration("vllm", "openai/gpt-oss-20b", "mxfp4"))
    assert cache_gib(objects) == 50
    assert budget_seconds(objects) < 1100


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"capacity": {"enforce": False}},
        {"persistence": {"size": "99Gi"}},
        {"probes": {"startup": {"budgetSeconds": 900}}},
        {"engine": "ollama", "model": {"name": "unknown:1b"}},
        {"persistence": {"existingClaim": "filled"}},
    ],
)
def test_an_unknown_size_is_required(more):
    error = render_error(CHART, {"model": {"name": "a/b"}} | more)
    assert "model.sizeGiB: is required, because the size of" in error
    assert "Set it to the size of the weight files in GiB" in " ".join(error.split())


@pytest.mark.parametrize(
    "more",
    [
        {"model": {"name": "a/b", "sizeGiB": 3}},
        {"capacity": {"model": "Qwen/Qwen3-1.7B"}},
        {"persistence": {"size": "99Gi"}, "probes": {"startup": {"budgetSeconds": 900}}},
        {"persistence": {"existingClaim": "filled"}, "probes": {"startup": {"budgetSeconds": 900}}},
        {
            "model": {"name": "a/b", "source": "pvc", "pvc": {"claimName": "models"}},
            "probes": {"startup": {"budgetSeconds": 900}},
        },
    ],
)
def test_a_size_is_optional_where_it_decides_nothing(more):
    assert render(CHART, {"model": {"name": "a/b"}} | more)


def test_the_type_in_the_name_of_a_gguf_file_decides_its_size():
    values = configuration("llamacpp", LLAMA_70B, "gguf-q8_0")
    values["model"]["file"] = "Llama-3.1-70B-Instruct-Q8_0.gguf"
    assert cache_gib(render(CHART, values)) == 84
    values |= {"quantization": "gguf-q4_k_m"}
    assert cache_gib(render(CHART, values)) == 84


@pytest.mark.parametrize(
    "name", ["meta-llama/Llama-3.1-8B", "deepseek-ai/DeepSeek-V3", "openai/gpt-oss-120b"]
)
def test_the_tables_sizes_are_those_of_the_planner(name):
    rows = default_catalogue()
    model = rows.model(name).architecture
    published = int(model_files(rows, model).split(" ")[0])
    whole = model.parameters.total * 2 / MIB
    assert (
        published == pytest.approx(whole, rel=0.01)
        if not model.checkpoint_quantization
        else published < whole
    )


def test_a_model_server_without_a_claim_has_the_same_room():
    values = configuration("vllm", LLAMA_70B, "fp8", persistence={"enabled": False})
    assert cache_gib(render(CHART, values)) == 158
    assert "PersistentVolumeClaim" not in {item["kind"] for item in render(CHART, values)}
    assert one(render(CHART, values), "Deployment")


def test_a_repository_with_two_copies_of_the_weights_has_room_for_both():
    """vLLM downloads consolidated.safetensors in addition to the shards: vllm-project/vllm#7523."""
    name = "mistralai/Mistral-Small-24B-Instruct-2501"
    values = configuration("vllm", name, "fp8")
    size = default_catalogue().model(name).architecture.parameters.total * 2 / 1024**3
    assert cache_gib(render(CHART, values)) >= 2 * size * HEADROOM
    # The weights in the GPU are one copy.
    assert render(CHART, {"model": {"name": "mistralai/Ministral-8B-Instruct-2410"}, "context": 4096})
    volume = values["model"] | {"source": "pvc", "pvc": {"claimName": "models"}}
    assert cache_gib(render(CHART, values | {"model": volume})) < 1.5 * size
