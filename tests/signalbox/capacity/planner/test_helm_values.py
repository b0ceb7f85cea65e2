"""Helm values from an answer."""

import pytest
import yaml

from signalbox.capacity.planner.helm_values import values, write_values
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request
from signalbox.errors import InputError, SetupError

FITS = plan(Request(model="llama-3.1-8b", gpu="2xl4", context=4096, concurrency=8))


def test_the_values_are_the_charts_contract():
    assert values(FITS) == {
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
    }


def test_the_repository_that_was_asked_for_is_served():
    asked = values(FITS, asked_model="hf:RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8")["model"]
    assert asked["name"] == "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8"
    assert asked["servedName"] == "meta-llama-3.1-8b-instruct-fp8"


def test_an_open_limit_becomes_what_the_cache_holds():
    found = plan(Request(model="llama-3.1-8b", gpu="l4", context=8192))
    assert values(found)["concurrency"] == int(found.max_concurrency)


def test_a_file_is_written_once(tmp_path):
    path = tmp_path / "values.yaml"
    write_values(FITS, path)
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == values(FITS)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"--write: got .*--force"):
        write_values(FITS, path)
    assert path.read_text(encoding="utf-8") == "mine"
    write_values(FITS, path, force=True)
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["engine"] == "vllm"


def test_what_does_not_fit_is_not_written(tmp_path):
    path = tmp_path / "values.yaml"
    with pytest.raises(SetupError, match=r"does not fit.*Nearest that works"):
        write_values(plan(Request(model="llama-3.1-70b", gpu="l4", quantization="bf16")), path)
    assert not path.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_values(FITS, tmp_path / "no" / "values.yaml")
