"""Helm values from a plan."""

from itertools import pairwise

import pytest
import yaml

from signalbox.capacity.planner.helm_values import settings, values, write_values
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request
from signalbox.errors import InputError, SetupError

INSTRUCT = "meta-llama/Llama-3.1-8B-Instruct"
FITS = plan(Request(model="llama-3.1-8b", gpu="2xl4", context=4096, concurrency=8))


def test_the_values_are_the_charts_contract():
    body = values(FITS)
    plan_part = body.pop("capacity")["plan"]
    assert body == {
        "engine": "vllm",
        "model": {
            "source": "hf",
            "name": "meta-llama/Llama-3.1-8B",
            "revision": "main",
            "servedName": "llama-3.1-8b",
        },
        "gpu": {"product": "L4", "count": 1},
        "quantization": "bf16",
        "dtype": "bfloat16",
        "context": 4096,
        "concurrency": 8,
        "replicas": 1,
        "parallelism": {"tensor": 1, "pipeline": 1},
        "memoryShare": 0.92,
    }
    assert plan_part == {"tokens": FITS.kv_tokens, "settings": settings(body)}


def test_a_requested_repository_is_served():
    answer = plan(Request(model="RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8", gpu="l4"))
    model = values(answer)["model"]
    assert model["name"] == "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8"
    assert model["servedName"] == "meta-llama-3.1-8b-instruct-fp8"
    assert model["quantized"] is True


def test_an_unproven_plan_is_written_for_a_chart_that_only_warns(tmp_path):
    path = tmp_path / "values.yaml"
    request = Request(model=INSTRUCT, gpu="t4", engine="tgi", quantization="awq", allow_unproven=True)
    write_values(plan(request), path)
    text = path.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["capacity"]["enforce"] == "warn"
    assert "--allow-unproven: tgi-generation" in text


@pytest.mark.parametrize(("engine", "share"), [("vllm", 0.8), ("sglang", 0.8)])
def test_another_share_of_the_gpu_is_written(engine, share):
    request = Request(model="llama-3.2-1b", gpu="l4", engine=engine, context=4096, memory_utilization=share)
    assert values(plan(request))["memoryShare"] == share
    default = plan(request.model_copy(update={"memory_utilization": None}))
    assert values(default)["memoryShare"] == default.memory_utilization


def test_an_open_limit_is_the_one_that_the_plan_assumes():
    answer = plan(Request(model="llama-3.1-8b", gpu="l4", context=8192))
    assert values(answer)["concurrency"] == 256
    assert ("--max-num-seqs", "256") in set(pairwise(answer.flags))


def test_what_cannot_be_served_is_not_written(tmp_path):
    answer = plan(Request(model="llama-3.1-8b", gpu="l4", quantization="gptq-int4"))
    assert answer.flags == ()
    with pytest.raises(SetupError, match="not known what to serve") as error:
        write_values(answer, tmp_path / "values.yaml")
    assert "search the Hub" in error.value.hint


@pytest.mark.parametrize(
    ("gpu", "name"), [("l4", "L4"), ("h100-nvl", "H100-NVL"), ("h100-mig-1g.10gb", "H100-MIG-1g.10gb")]
)
def test_a_product_is_written_as_the_charts_pools_name_it(gpu, name):
    answer = FITS.model_copy(update={"gpu": gpu})
    assert values(answer)["gpu"]["product"] == name


def test_a_file_is_written_once(tmp_path):
    path = tmp_path / "values.yaml"
    write_values(FITS, path)
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == values(FITS)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"`--write`\) exists .*--overwrite"):
        write_values(FITS, path)
    assert path.read_text(encoding="utf-8") == "mine"
    write_values(FITS, path, overwrite=True)
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["engine"] == "vllm"


def test_what_does_not_fit_is_not_written(tmp_path):
    path = tmp_path / "values.yaml"
    with pytest.raises(SetupError, match=r"does not fit.*smallest change that fits"):
        write_values(plan(Request(model="llama-3.1-70b", gpu="l4", quantization="bf16")), path)
    assert not path.exists()


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        write_values(FITS, tmp_path / "no" / "values.yaml")


@pytest.mark.parametrize(("quantization", "size"), [("bf16", 15), ("fp8", 15), ("awq-int4", 6)])
def test_a_model_that_the_charts_table_lacks_has_the_size_of_its_files(quantization, size):
    answer = plan(Request(model=INSTRUCT, gpu="l4", quantization=quantization))
    assert "sizeGiB" not in values(answer)["model"]
    assert values(answer.model_copy(update={"model": "a/b"}))["model"]["sizeGiB"] == size
