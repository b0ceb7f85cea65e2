"""What is served is what was typed; copies in other quantizations are named or looked for."""

from __future__ import annotations

import pytest

from signalbox.capacity.planner.checkpoints import checkpoint, repository
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request
from tests.signalbox.capacity.specs import catalogue, spec

LLAMA = "meta-llama/Llama-3.3-70B-Instruct"


@pytest.mark.parametrize(
    "name",
    [
        "meta-llama/Llama-3.1-8B-Instruct",
        "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
        "Qwen/Qwen2.5-Coder-32B-Instruct",
        "NousResearch/Hermes-3-Llama-3.1-8B",
        "microsoft/Phi-4-reasoning",
        "mistralai/Mistral-Nemo-Base-2407",
        "google/gemma-3-12b-pt",
        "my-company/llama-3.1-8b-instruct",
    ],
)
def test_a_repository_is_served_as_it_was_typed(name):
    answer = plan(Request(model=name, gpu="8xh100", quantization="bf16"))
    assert answer.checkpoint == answer.flags[0] == name


@pytest.mark.parametrize(
    ("name", "repo"),
    [
        ("llama-3.1-8b", "meta-llama/Llama-3.1-8B"),
        ("Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        ("DeepSeek-R1-Distill-Llama-70B", "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"),
        ("qwen2.5-coder-32b", "Qwen/Qwen2.5-Coder-32B-Instruct"),
        ("phi4", "microsoft/phi-4"),
        ("gemma-3-4b-pt", "google/gemma-3-4b-pt"),
        ("Mistral-Nemo-Base-2407", "mistralai/Mistral-Nemo-Base-2407"),
        ("Llama-3.1-8B-Lexi", ""),
    ],
)
def test_a_name_without_an_owner_is_completed(name, repo):
    assert repository(name, catalogue().model(name).name) == repo


def test_every_name_of_the_catalogue_is_its_row_or_another_model():
    for row in catalogue().models:
        assert repository(row.name, row.name) == row.name


def test_a_copy_in_the_quantization_is_named():
    for gpu, quantization in (("2xrtx-3090", "awq-int4"), ("2xrtx-3090", "w4a16")):
        answer = plan(Request(model=LLAMA, gpu=gpu, quantization=quantization))
        assert answer.checkpoint_stored
        assert answer.flags[0] == answer.checkpoint != LLAMA
        assert "--quantization" not in answer.flags


def test_auto_prefers_a_quantization_whose_files_are_known():
    answer = plan(Request(model=LLAMA, gpu="2xrtx-3090"))
    assert answer.fits
    assert answer.checkpoint


def test_without_a_copy_no_command_is_printed_and_the_search_is_named():
    answer = plan(Request(model=LLAMA, gpu="2xrtx-3090", quantization="gptq-int4"))
    assert answer.fits
    assert (answer.program, answer.flags, answer.environment) == ((), (), {})
    remark = next(row for row in answer.warnings if row.rule == "no-checkpoint")
    assert f"no copy of {LLAMA} in gptq-int4 is known" in remark.hint
    assert "search the Hub" in remark.hint


@pytest.mark.parametrize(
    ("typed", "name", "file"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M", ""),
        ("bartowski/Meta-Llama-3.1-8B-Instruct-GGUF", "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M", ""),
        ("my/Llama-3.1-8B-GGUF/llama-3.1-8b-q4_k_m.gguf", "my/Llama-3.1-8B-GGUF", "llama-3.1-8b-q4_k_m.gguf"),
        ("./llama-3.1-8b-q4_k_m.gguf", "./llama-3.1-8b-q4_k_m.gguf", ""),
    ],
)
def test_llama_cpp_gets_a_gguf_repository_or_file(typed, name, file):
    files = checkpoint(typed, spec("llama-3.1-8b", "l4", "gguf-q4_k_m", "llamacpp"))
    assert (files.name, files.file) == (name, file)


@pytest.mark.parametrize(
    ("typed", "kind", "tag"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "gguf-q4_k_m", "llama3.1:8b-instruct-q4_K_M"),
        ("meta-llama/Llama-3.1-8B-Instruct", "gguf-q8_0", "llama3.1:8b-instruct-q8_0"),
        ("llama3.1:8b", "gguf-q4_k_m", "llama3.1:8b"),
        ("bartowski/Llama-3.1-8B-GGUF", "gguf-q6_k", "hf.co/bartowski/Llama-3.1-8B-GGUF:Q6_K"),
        ("meta-llama/Llama-3.1-8B", "gguf-q4_k_m", ""),
    ],
)
def test_ollama_gets_a_tag_or_nothing(typed, kind, tag):
    assert checkpoint(typed, spec("llama-3.1-8b", "l4", kind, "ollama")).name == tag


def test_safetensors_engines_do_not_serve_gguf_repositories():
    files = checkpoint("bartowski/Meta-Llama-3.1-8B-Instruct-GGUF", spec("llama-3.1-8b", "l4", "fp8"))
    assert not files.known
    assert "use engine llamacpp" in files.advice
