"""Instruction counts from the worker's lines and valgrind's."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.instructions.__main__ import THRESHOLD, compare, differences, main
from benchmarks.instructions.worker import FUNCTIONS


def test_a_count_is_the_difference_between_twice_the_calls_and_the_calls() -> None:
    listing = "light\t100\t11\nlight\t200\t12\n"
    assert differences(listing, {"11": 5_000, "12": 7_000}) == {"light": 20.0}


def test_only_growth_beyond_the_threshold_fails() -> None:
    before = {"a": 1000.0, "b": 1000.0}
    now = {"a": 1000.0 * (1 + THRESHOLD) + 1, "b": 500.0, "new": 1.0}
    assert [row["exceeds"] for row in compare(before, now)] == [True, False, False]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_runs_in_this_tree(name: str) -> None:
    FUNCTIONS[name]()()


def test_without_valgrind_the_bench_says_so_and_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "valgrind" else f"/bin/{name}")
    assert main([]) == 0
    assert "left out, valgrind is not installed (apt-get install valgrind)" in capsys.readouterr().out


def test_a_commit_that_is_not_there_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert main(["no-such-commit"]) == 0
    assert "left out, there is no commit no-such-commit" in capsys.readouterr().out
