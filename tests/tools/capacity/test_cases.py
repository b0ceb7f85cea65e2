"""The validation: accuracy bounds hold, the page is current, and no training row counts as a test."""

import json
import re
from pathlib import Path

import pytest

from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.models.catalogue import load
from tools.capacity import cases
from tools.capacity.case_report import held_out, kv_error, report
from tools.capacity.case_results import own_rows, predict_cases
from tools.capacity.case_rows import read
from tools.capacity.case_specs import LeftOut, case_of

RESULTS, LEFT_OUT = predict_cases(own_rows())
BOOTS = [row for row in RESULTS if kv_error(row) is not None]


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


def test_no_measured_failure_is_predicted_to_fit():
    failed = [
        row
        for row in RESULTS
        if row.case.measured.get("fits") is False and "not offered" not in row.case.note
    ]
    assert len(failed) >= 6
    assert not [row.case.id for row in failed if row.fits]


def test_measured_starts_are_predicted_to_fit():
    ran = [row for row in RESULTS if row.case.measured.get("fits") is True]
    assert len(ran) > 80
    assert [(row.case.id, row.reason) for row in ran if not row.fits] == []


def test_every_row_a_constant_was_read_from_exists_and_is_marked():
    marked = {row.case.id for row in RESULTS if row.training}
    for start in load_constants().training:
        assert any(case.startswith(start) for case in marked), start
    assert len(marked) < 0.5 * len(BOOTS)


def test_rows_left_out_have_a_reason():
    assert all(row.reason for row in LEFT_OUT)
    assert any("another process" in row.reason for row in LEFT_OUT)


def test_the_page_is_current():
    page = Path(cases.PAGE).read_text(encoding="utf-8")
    assert page == report(RESULTS, LEFT_OUT)


def test_compares_a_file_of_boots(tmp_path, capsys):
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
    output = capsys.readouterr().out
    assert "| KV cache, vLLM 0.24 | test | 1 |" in output


def test_compares_published_rows_and_names_unknown_ones(tmp_path):
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
    results, left_out = predict_cases(read([file]))
    assert [(row.case.gpus, row.fits) for row in results] == [(2, True), (1, True)]
    assert [("model" in row.reason, "did you mean `l4`" in row.reason) for row in left_out] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize("note", ["", "a boot"])
def test_a_row_of_an_unknown_set_needs_an_engine_or_is_the_default(note):
    row = {"set": "mine", "source": "x", "model": "llama-3.1-8b", "gpu": "L4", "fits": True, "note": note}
    rows = case_of(row, load())
    assert not isinstance(rows[0], LeftOut)
    assert rows[0].spec.engine.name == "vllm"


def test_boots_without_stated_limits_are_never_evidence():
    unstated = [row for row in BOOTS if not row.case.stated]
    assert {row.case.set for row in unstated} == {"llm-d v0.11 H100 doc", "public logs/issues"}
    text = held_out(RESULTS)
    assert f"not counted: {len(unstated)} boots" in text
    counts = [int(count) for count in re.findall(r": (\d+) boots, mean error", text)]
    assert sum(counts) == sum(1 for row in BOOTS if row.case.stated and not row.training)
    assert "| KV cache, limits not stated | no evidence |" in report(RESULTS, LEFT_OUT)


def test_the_versions_that_are_called_measured_have_a_boot_with_stated_limits():
    versions = {".".join(map(str, _version(row))) for row in BOOTS if row.case.stated}
    assert versions == set(load_constants().logged_versions)


def test_the_held_out_accuracy_is_one_command(capsys):
    cases.main(["--held-out"])
    assert "vLLM 0.24:" in capsys.readouterr().out
