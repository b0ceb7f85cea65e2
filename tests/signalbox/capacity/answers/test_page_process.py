"""The program that answers a server's questions: names of the catalogue only."""

import json
import subprocess
import sys

import pytest

from signalbox.capacity.answers.page import page
from signalbox.capacity.answers.page_file import PageParts, page_file
from signalbox.capacity.answers.page_process import answer
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.planner.request import Request


def test_the_program_answers_with_the_page_of_the_command_line():
    question = {"request": {"model": "llama-3.1-8b", "gpu": "l4"}, "language": "de"}
    command = (sys.executable, "-P", "-m", "signalbox.capacity.answers.page_process")
    process = subprocess.run(command, input=json.dumps(question), capture_output=True, text=True, check=True)
    parts = PageParts(**json.loads(process.stdout)["page"])
    assert page_file(parts) == page(
        Request(model="llama-3.1-8b", gpu="l4"), default_catalogue(), language="de"
    )


@pytest.mark.parametrize(
    "name", ["hf:org/name", "/etc", ".", "a/b/c", "llama-3.1-8b.gguf", "config.json", "../x", ""]
)
def test_a_path_or_a_repository_is_not_read(name):
    error = answer({"request": {"model": name, "gpu": "l4"}, "language": "en"})["error"]
    assert (error["field"], "not a name of the catalog" in error["message"]) == ("--model", True)


def test_a_tag_is_planned_for_ollama():
    made = answer({"request": {"model": "qwen3:14b", "gpu": "l4"}, "language": "en"})["page"]["made"]
    assert "Ollama" in made


def test_a_model_that_no_machine_holds_is_an_error_with_a_hint():
    error = answer({"request": {"model": "llama-3.1-8b", "context": 10_000_000}, "language": "en"})["error"]
    assert error["hint"]


def test_the_names_of_the_catalogue_are_proposed():
    names = answer({})["names"]
    assert "meta-llama/Llama-3.1-8B" in names["models"]
    assert {"vllm", "ollama"} <= set(names["engines"])
