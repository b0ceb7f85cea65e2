"""The page of a plan: complete in itself, with the planner's own figures in every step of its sliders."""

import json
import re
from dataclasses import replace
from datetime import date

import pytest

from signalbox.capacity.answers.page import language_of, page
from signalbox.capacity.memory import budget
from signalbox.capacity.planner.plan import default_catalogue, plan
from signalbox.capacity.planner.request import Request
from signalbox.errors import InputError
from signalbox.io import write_output
from tests.signalbox.capacity.specs import spec

ROWS = default_catalogue()
TODAY = date(2026, 11, 29)
REQUEST = Request(model="llama-3.1-8b", gpu="l4")
ONE = page(REQUEST, ROWS, today=TODAY)
ALL = page(Request(model="Llama-3.3-70B-Instruct"), ROWS, language="de", today=TODAY)


def data(html: str) -> dict:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert match
    return json.loads(match[1])


def test_a_page_needs_nothing_from_elsewhere():
    for html in (ONE, ALL):
        assert "@@" not in html
        assert re.findall(r'(?:src|href)="[^"]*"', html) == []
        assert "http" not in html


def test_every_step_of_the_sliders_is_the_planners_own_plan():
    (machine,) = data(ONE)["machines"]
    own = spec("llama-3.1-8b", "l4", "bf16", dtype="bfloat16")
    for row, context in enumerate(machine["contexts"]):
        for column, requests in enumerate(machine["requests"]):
            memory = budget(replace(own, context=context, concurrency=requests))
            cell = machine["cells"][row][column]
            assert cell[0] == (memory.fits and memory.max_concurrency >= requests)
            assert cell[7] == round(memory.max_concurrency, 1)


def test_the_page_opens_on_the_plan():
    answer, (machine,) = plan(REQUEST), data(ONE)["machines"]
    row, column = machine["start"]
    assert machine["contexts"][row] == answer.context
    assert machine["requests"][column] <= answer.max_concurrency
    assert machine["cells"][row][column][0] == 1
    assert "vllm serve" in ONE


def test_an_unsupported_plan_fits_nowhere_and_says_why():
    html = page(Request(model="llama-3.1-8b", gpu="t4", quantization="bf16", context=1024), ROWS)
    (machine,) = data(html)["machines"]
    assert "compute capability 8.0" in machine["unsupported"]
    assert not any(cell[0] for row in machine["cells"] for cell in row)
    assert "vllm serve" not in html


def test_the_largest_context_is_a_step():
    assert 33120 in data(ONE)["machines"][0]["contexts"]


def test_a_model_alone_has_the_table_of_machines_in_the_readers_language():
    assert "GPUs für dieses Modell" in ALL
    assert 'lang="de"' in ALL
    assert "29.11.2026" in ALL
    assert "131.072" in ALL
    assert len(data(ALL)["machines"]) == 6


def test_both_languages_have_the_same_texts():
    english, german = data(ONE)["texts"], data(ALL)["texts"]
    assert english.keys() == german.keys()
    assert not [key for key in english if english[key] == german[key] and " " in english[key]]


def test_text_from_outside_is_escaped(tmp_path):
    config = {
        "model_type": "llama", "hidden_size": 512, "num_hidden_layers": 2, "num_attention_heads": 8,
        "intermediate_size": 1024, "vocab_size": 32000, "_name_or_path": "</script><b>x",
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    html = page(Request(config=tmp_path, gpu="l4"), ROWS)
    assert "</script><b>" not in html
    assert "&lt;b&gt;x" in html


def test_a_plan_that_does_not_fit_lists_what_would():
    html = page(Request(model="Llama-3.3-70B-Instruct", gpu="l4"), ROWS)
    answer = plan(Request(model="Llama-3.3-70B-Instruct", gpu="l4"))
    assert answer.alternatives
    assert all(f">{row.change}</td>" in html for row in answer.alternatives)
    assert "<h2>Options that fit" not in ONE


def test_a_page_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "plan.html"
    write_output(path, "x", "--html", overwrite=False)
    with pytest.raises(InputError, match="exists"):
        write_output(path, "y", "--html", overwrite=False)
    write_output(path, "y", "--html", overwrite=True)
    assert path.read_text() == "y"


def test_an_unknown_language_is_an_input_error():
    with pytest.raises(InputError, match="no page in `fr`"):
        language_of("fr")


def test_an_encoder_fits_any_number_of_requests():
    html = page(Request(model="BAAI/bge-m3", gpu="l4"), ROWS, today=TODAY)
    (machine,) = data(html)["machines"]
    assert machine["kvCache"] is False
    assert {cell[0] for row in machine["cells"] for cell in row} == {1}
    assert "--runner pooling" in html
    assert "Texts per step" in page(Request(model="BAAI/bge-m3"), ROWS, today=TODAY)
