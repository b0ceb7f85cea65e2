"""What `signalbox plan` prints is what the chart runs, and the chart's fit check has the plan's tokens."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from signalbox.capacity.answers.share import share_gpu
from signalbox.capacity.planner.helm_values import settings, write_values
from signalbox.capacity.planner.plan import default_catalogue, plan
from signalbox.capacity.planner.request import Request
from signalbox.capacity.planner.result import Plan
from tests.charts.conftest import add_notes, one, pod_of
from tools.charts import CHARTS
from tools.charts.helm import template

CHART = "model-server"
# Arguments of the pod that the plan leaves open: names, addresses, keys and how it is stopped.
OPERATION = {
    *("--served-model-name", "--alias", "--revision", "--host", "--hostname", "--port", "--api-key"),
    *("--shutdown-timeout", "--max-concurrent-requests", "--enable-metrics", "--metrics"),
}
INSTRUCT = "meta-llama/Llama-3.1-8B-Instruct"
SMALL = "meta-llama/Llama-3.2-1B-Instruct"
CASES: tuple[dict[str, object], ...] = (
    {"model": INSTRUCT, "gpu": "l4", "quantization": "bf16", "kv_dtype": "fp8", "context": 50000},
    {"model": INSTRUCT, "gpu": "l4", "quantization": "fp8", "context": 16384, "concurrency": 8},
    {"model": INSTRUCT, "gpu": "h100", "memory_utilization": 0.3, "quantization": "fp8"},
    {"model": INSTRUCT, "gpu": "h100", "context": 131072},
    {"model": INSTRUCT, "gpu": "t4", "quantization": "awq", "context": 8192},
    {"model": INSTRUCT, "gpu": "a10", "kv_dtype": "fp8", "eager": True},
    {"model": INSTRUCT, "gpu": "a100-40gb", "kv_dtype": "fp8_e5m2", "batched_tokens": 4096},
    {"model": INSTRUCT, "gpu": "l4", "quantization": "bnb-nf4", "batched_tokens": 1024},
    {"model": INSTRUCT, "gpu": "l4", "engine_version": "0.19.0", "quantization": "gptq-int4"},
    {"model": "meta-llama/Llama-3.3-70B-Instruct", "gpu": "2xrtx-3090"},
    {"model": "meta-llama/Llama-3.3-70B-Instruct", "gpu": "4xl40s", "tensor_parallel": 4, "context": 32768},
    {"model": "meta-llama/Llama-3.3-70B-Instruct", "gpu": "4xl40s", "tensor_parallel": 2, "pipeline_parallel": 2},
    {"model": "deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "gpu": "2xh100", "quantization": "fp8"},
    {"model": "Qwen/Qwen2.5-Coder-32B-Instruct", "gpu": "l40s", "quantization": "awq"},
    {"model": "Qwen/Qwen3-Next-80B-A3B-Instruct", "gpu": "rtx-pro-6000", "quantization": "fp8"},
    {"model": "Qwen/Qwen2.5-VL-7B-Instruct", "gpu": "l40s", "images": 0},
    {"model": "Qwen/Qwen2.5-VL-7B-Instruct", "gpu": "l40s", "images": 2, "image_pixels": 1003520},
    {"model": "google/gemma-3-4b-pt", "gpu": "l4"},
    {"model": "openai/gpt-oss-20b", "gpu": "l40s"},
    {"model": SMALL, "gpu": "h100-mig-1g.10gb", "context": 4096},
    {"model": INSTRUCT, "gpu": "l4", "engine": "sglang", "quantization": "fp8", "concurrency": 8},
    {"model": INSTRUCT, "gpu": "h100", "engine": "sglang", "memory_utilization": 0.8, "eager": True},
    {"model": INSTRUCT, "gpu": "2xl4", "engine": "sglang", "tensor_parallel": 2, "kv_dtype": "fp8_e4m3", "batched_tokens": 2048},
    {"model": INSTRUCT, "gpu": "l40s", "engine": "tgi", "context": 8192},
    {"model": INSTRUCT, "gpu": "l40s", "engine": "tgi", "quantization": "awq", "kv_dtype": "fp8", "concurrency": 16},
    {"model": INSTRUCT, "gpu": "2xl4", "engine": "tgi", "tensor_parallel": 2, "quantization": "eetq", "eager": True},
    {"model": INSTRUCT, "gpu": "a10g", "engine": "tgi", "quantization": "bnb-nf4-dq", "memory_utilization": 0.9},
    {"model": INSTRUCT, "gpu": "l4", "engine": "llamacpp", "quantization": "q4_k_m"},
    {"model": INSTRUCT, "gpu": "l4", "engine": "llamacpp", "quantization": "q5_k_s", "concurrency": 4, "context": 5000},
    {"model": "bartowski/Llama-3.2-3B-Instruct-GGUF", "gpu": "t4", "engine": "llamacpp", "quantization": "q8_0", "kv_dtype": "q8_0/q4_0"},
    {"model": "qwen3-14b", "gpu": "l4", "engine": "llamacpp", "batched_tokens": 1024, "concurrency": 2},
    {"model": INSTRUCT, "gpu": "2xt4", "engine": "llamacpp", "tensor_parallel": 2, "quantization": "q8_0"},
    {"model": INSTRUCT, "gpu": "l4", "engine": "ollama", "quantization": "q4_k_m", "concurrency": 2, "kv_dtype": "q8_0"},
    {"model": "qwen2.5-7b", "gpu": "2xt4", "engine": "ollama", "tensor_parallel": 2, "memory_utilization": 0.9},
    {"model": INSTRUCT, "gpu": "h100", "engine": "nim", "quantization": "fp8"},
    {"model": "meta-llama/Llama-3.3-70B-Instruct", "gpu": "2xh100", "engine": "nim", "tensor_parallel": 2, "quantization": "fp8"},
    {"model": INSTRUCT, "gpu": "l4", "quantization": "fp8", "lora_adapters": 4, "lora_rank": 32},
    {"model": "Qwen/Qwen3-30B-A3B", "gpu": "2xh100", "tensor_parallel": 2, "lora_adapters": 2, "expert_parallel": True},
    {"model": "meta-llama/Llama-3.3-70B-Instruct", "gpu": "2xh100", "tensor_parallel": 2, "quantization": "fp8", "speculative": f"draft:{SMALL}"},
    {"model": INSTRUCT, "gpu": "l4", "quantization": "fp8", "speculative": "ngram", "speculative_tokens": 3},
    {"model": "deepseek-ai/DeepSeek-V3", "gpu": "8xh200", "tensor_parallel": 1, "data_parallel": 8, "expert_parallel": True, "speculative": "mtp"},
    {"model": "Qwen/Qwen3-30B-A3B", "gpu": "4xl40s", "tensor_parallel": 2, "data_parallel": 2},
    {"model": INSTRUCT, "gpu": "t4", "quantization": "fp16", "cpu_offload": 4},
    {"model": "meta-llama/Llama-3.3-70B-Instruct", "gpu": "l4", "engine": "llamacpp", "gpu_layers": "auto"},
    {"model": INSTRUCT, "gpu": "2xt4", "engine": "llamacpp", "tensor_parallel": 2, "quantization": "q8_0", "gpu_layers": "20", "concurrency": 2},
)  # fmt: skip
IDS = ["-".join(str(value).rsplit("/", maxsplit=1)[-1] for value in case.values()) for case in CASES]


def arguments(words: list[str]) -> dict[str, str]:
    """Flag → value, empty for a switch; a word in front of all flags has an empty flag."""
    options = {word: "" for word in words if word.startswith("--")}
    options |= {
        flag: value for flag, value in pairwise(words) if flag in options and not value.startswith("--")
    }
    return options | ({"": words[0]} if words and not words[0].startswith("--") else {})


def without_operation(options: dict[str, str]) -> dict[str, str]:
    return {flag: value for flag, value in options.items() if flag not in OPERATION}


def values_of(answer: Plan, path: Path) -> dict:
    """The values as --write leaves them, and an image of TGI, which an installation must build."""
    write_values(answer, path, overwrite=True)
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    if answer.engine == "tgi":
        values["image"] = values.get("image", {}) | {"repository": "our/tgi"}
    return values


@dataclass(frozen=True)
class Trip:
    """A plan, and what helm makes of its values."""

    answer: Plan
    container: dict
    notes: str


@pytest.fixture(scope="module")
def chart(tmp_path_factory) -> Path:
    """A copy of the chart with its notes in an object, so that one render has both."""
    folder = tmp_path_factory.mktemp("chart") / CHART
    shutil.copytree(CHARTS / CHART, folder)
    add_notes(folder)
    return folder


def render_both(chart: Path, values: dict) -> tuple[dict, str]:
    """The server's container, and the notes in one line."""
    process = template(chart, values=yaml.safe_dump(values))
    assert process.returncode == 0, process.stderr
    objects = [item for item in yaml.safe_load_all(process.stdout) if item]
    text = next(item["text"] for item in objects if item["kind"] == "Notes")
    return pod_of(one(objects, "Deployment"))["containers"][0], " ".join(text.split())


@pytest.fixture(scope="module", params=CASES, ids=IDS)
def trip(request, chart, tmp_path_factory) -> Trip:
    answer = plan(Request(**request.param))
    assert answer.fits, answer.reason
    return Trip(answer, *render_both(chart, values_of(answer, tmp_path_factory.mktemp("values") / "v.yaml")))


def test_the_pod_has_the_arguments_of_the_printed_command(trip):
    pod, printed = arguments(trip.container.get("args", [])), arguments(list(trip.answer.flags))
    if trip.answer.engine != "ollama":  # its only argument, serve, is in the command
        assert without_operation(printed) == without_operation(pod)
    variables = {item["name"]: item.get("value") for item in trip.container["env"]}
    assert trip.answer.environment.items() <= variables.items()


def test_the_charts_check_says_fits_with_the_same_tokens(trip):
    tokens = trip.answer.kv_tokens
    assert f"fits: `signalbox plan` computed {tokens} tokens of KV cache for these values." in trip.notes


def test_json_has_what_the_command_has(trip):
    answer = trip.answer
    data = json.loads(answer.model_dump_json())
    assert data["flags"] == list(answer.flags)
    assert data["request_limit"] == answer.request_limit
    assert data["checkpoint"] in (*answer.flags, answer.checkpoint)


@pytest.mark.parametrize(
    "change", [{"context": 4096}, {"memoryShare": 0.5}, {"kvCacheDtype": "auto"}, {"extraArgs": ["--x"]}]
)
def test_a_plan_does_not_hold_for_other_settings(change, tmp_path, chart):
    answer = plan(Request(model=INSTRUCT, gpu="l4", quantization="bf16", kv_dtype="fp8", context=8192))
    values = values_of(answer, tmp_path / "v.yaml")
    capacity = {**values["capacity"], "enforce": "warn"}
    _, notes = render_both(chart, {**values, **change, "capacity": capacity})
    assert "signalbox plan` computed" not in notes


ENCODER = {
    "model_type": "xlm-roberta",
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "vocab_size": 250002,
    "max_position_embeddings": 8194,
    "type_vocab_size": 1,
}


def test_an_encoder_runs_with_the_printed_arguments(tmp_path, chart):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(ENCODER), encoding="utf-8")
    answer = plan(Request(model="BAAI/bge-m3", config=config, gpu="l4"))
    container, notes = render_both(chart, values_of(answer, tmp_path / "v.yaml"))
    printed = without_operation(arguments(list(answer.flags)))
    assert printed == without_operation(arguments(container["args"]))
    assert "does not cover offload, parallelism.data and runner" in notes


def test_two_models_on_one_gpu_run_with_their_shares(tmp_path, chart):
    pair = share_gpu(Request(model=INSTRUCT, gpu="l4"), SMALL, default_catalogue())
    for answer in pair.plans:
        container, notes = render_both(chart, values_of(answer, tmp_path / "v.yaml"))
        printed = without_operation(arguments(list(answer.flags)))
        assert printed == without_operation(arguments(container["args"]))
        assert f"computed {answer.kv_tokens} tokens" in notes


def test_the_settings_are_those_of_the_values(tmp_path):
    values = values_of(plan(Request(model=SMALL, gpu="l4")), tmp_path / "v.yaml")
    assert values["capacity"]["plan"]["settings"] == settings(values)
