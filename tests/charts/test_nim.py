"""NIM: a tag for each model, and the profile that the quantization asks for."""

import pytest

from tests.charts.conftest import environment, one, pod_of, render, render_error

CHART = "model-server"
NIM = {"engine": "nim", "gpu": {"product": "H100"}, "model": {"name": "meta/llama-3.1-8b-instruct"}}


def server(values: dict) -> dict:
    return pod_of(one(render(CHART, values), "Deployment"))["containers"][0]


def variables(values: dict) -> dict:
    return {name: item.get("value") for name, item in environment({"containers": [server(values)]}).items()}


@pytest.mark.parametrize(
    ("model", "tag"), [("meta/llama-3.1-8b-instruct", "1.8.4"), ("meta/llama-3.3-70b-instruct", "1.13.1")]
)
def test_each_model_has_its_tag(model, tag):
    values = NIM | {
        "model": {"name": model},
        "gpu": {"product": "H200", "count": 2},
        "parallelism": {"tensor": 2},
    }
    assert server(values)["image"] == f"nvcr.io/nim/{model}:{tag}"


def test_a_model_without_a_known_tag_requires_one():
    values = NIM | {"model": {"name": "qwen/qwen3-32b", "sizeGiB": 66}}
    error = render_error(CHART, values)
    assert (
        "image.tag: is required, because each model has tags of its own, and none of qwen/qwen3-32b is known."
        in error
    )
    assert (
        "Set it to a tag that NGC lists for this model. Known are the tags of meta/llama-3.1-70b-instruct,"
        in error
    )
    assert server(values | {"image": {"tag": "1.0.0"}})["image"] == "nvcr.io/nim/qwen/qwen3-32b:1.0.0"


def test_a_tag_can_be_added_to_the_table():
    tags = {"nim": {"imageTags": {"qwen/qwen3-32b": "1.0.0"}}}
    values = NIM | {"model": {"name": "qwen/qwen3-32b", "sizeGiB": 66}, "engines": tags}
    assert server(values)["image"].endswith(":1.0.0")


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        ({}, "precision=bf16,tp=1"),
        ({"quantization": "fp8"}, "precision=fp8,tp=1"),
        (
            {"quantization": "fp8", "gpu": {"product": "H100", "count": 2}, "parallelism": {"tensor": 2}},
            "precision=fp8,tp=2",
        ),
    ],
)
def test_the_quantization_selects_the_profile(values, tags):
    assert variables(NIM | values)["NIM_TAGS_SELECTOR"] == tags


def test_a_profile_by_name_replaces_the_selection():
    values = NIM | {"model": NIM["model"] | {"profile": "vllm-fp8-tp1-pp1"}, "quantization": "fp8"}
    assert variables(values)["NIM_MODEL_PROFILE"] == "vllm-fp8-tp1-pp1"
    assert "NIM_TAGS_SELECTOR" not in variables(values)
    assert "NIM_MODEL_PROFILE" not in variables(NIM)


def test_a_quantization_whose_tag_is_not_known_requires_a_profile():
    values = NIM | {"quantization": "awq-int4"}
    error = render_error(CHART, values)
    assert (
        "model.profile: is required for quantization awq-int4, because the name of its profiles is not known."
        in error
    )
    assert server(values | {"model": NIM["model"] | {"profile": "a"}})


def test_other_engines_have_no_profiles():
    error = render_error(CHART, {"model": {"profile": "a"}})
    assert 'model.profile: "a", but vLLM has no profiles. Remove it, or use engine nim.' in error
