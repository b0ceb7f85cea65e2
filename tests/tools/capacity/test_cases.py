"""The validation: what is promised holds, the page is fresh, and nothing is counted as a test that was trained on."""

import json
from pathlib import Path

import pytest

from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.models.catalogue import load
from tools.capacity import cases
from tools.capacity.case_report import kv_error, report
from tools.capacity.case_rows import LeftOut, case_of, read

JUDGED, LEFT = cases.judge(cases.own_rows())
BOOTS = [row for row in JUDGED if kv_error(row) is not None]


def _version(row):
    return tuple(int(part) for part in row.case.spec.engine.version.split(".")[:2])


def _mean(rows):
    errors = [abs(kv_error(row)) for row in rows]
    assert len(errors) > 5
    return sum(errors) / len(errors)


def test_tokens_of_the_cache_up_to_0_20_are_within_two_percent_on_the_test_rows():
    old = [row for row in BOOTS if _version(row) < (0, 21)]
    assert _mean(old) <= 0.02
    assert _mean([row for row in old if not row.training and _version(row) >= (0, 17)]) <= 0.02


def test_tokens_of_the_cache_on_0_24_are_within_three_percent_on_the_test_rows():
    assert _mean([row for row in BOOTS if _version(row) == (0, 24) and not row.training]) <= 0.03


def test_no_measured_failure_is_said_to_fit():
    failed = [
        row for row in JUDGED if row.case.measured.get("fits") is False and "not offered" not in row.case.note
    ]
    assert len(failed) >= 6
    assert [row.case.id for row in failed if row.fits] == []


def test_what_ran_is_said_to_fit():
    ran = [row for row in JUDGED if row.case.measured.get("fits") is True]
    assert len(ran) > 80
    assert [(row.case.id, row.reason) for row in ran if not row.fits] == []


def test_every_row_a_constant_was_read_from_exists_and_is_marked():
    marked = {row.case.id for row in JUDGED if row.training}
    for start in load_constants().training:
        assert any(case.startswith(start) for case in marked), start
    assert len(marked) < 0.5 * len(BOOTS)


def test_rows_left_out_say_why():
    assert all(row.reason for row in LEFT)
    assert any("another process" in row.reason for row in LEFT)


def test_the_page_is_what_the_cases_say():
    page = Path(cases.PAGE).read_text(encoding="utf-8")
    assert page == report(JUDGED, LEFT)


def test_judges_a_file_of_boots(tmp_path, capsys):
    boot = {
        "case": "mine",
        "model": "llama-3.1-8b",
        "engine": {"gpu_memory_utilization": 0.9, "max_model_len": 8192, "enforce_eager": True},
        "rc": 0,
        "weights_gib": "15.0",
        "kv_gib": "108.87",
        "kv_tokens": "891,872",
    }
    file = tmp_path / "vllm-0.24.0-h200.jsonl"
    file.write_text(json.dumps(boot), encoding="utf-8")
    cases.main([str(file)])
    shown = capsys.readouterr().out
    assert "| KV cache, vLLM 0.24 | test | 1 |" in shown


def test_judges_published_rows_and_names_what_it_does_not_know(tmp_path):
    rows = [
        {
            "set": "mine",
            "source": "x",
            "engine": "vLLM 0.19.0",
            "model": "nothing-of-that-name",
            "gpu": "H100",
            "fits": True,
        },
        {
            "set": "mine",
            "source": "x",
            "engine": "vLLM 0.19.0",
            "model": "llama-3.1-8b",
            "gpus": "1xL5",
            "fits": True,
        },
        {
            "set": "mine",
            "source": "x",
            "engine": "vLLM 0.19.0",
            "model": "llama-3.1-8b",
            "gpus": "2xL4 or 1xH100",
            "fits": True,
        },
    ]
    file = tmp_path / "facts.json"
    file.write_text(json.dumps({"cases": rows}), encoding="utf-8")
    judged, left = cases.judge(read([file]))
    assert [(row.case.gpus, row.fits) for row in judged] == [(2, True), (1, True)]
    assert [("model" in row.reason, "did you mean `l4`" in row.reason) for row in left] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize("note", ["", "a boot"])
def test_a_row_of_an_unknown_set_needs_an_engine_or_is_the_default(note):
    row = {"set": "mine", "source": "x", "model": "llama-3.1-8b", "gpu": "L4", "fits": True, "note": note}
    found = case_of(row, load())
    assert not isinstance(found[0], LeftOut)
    assert found[0].spec.engine.name == "vllm"
