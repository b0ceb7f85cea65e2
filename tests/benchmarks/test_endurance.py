"""What the endurance run concludes from what it saw."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.endurance.__main__ import judge, main
from benchmarks.endurance.events import Event, Sample, Trace, Window, failures, growths, latencies
from benchmarks.endurance.observers import every, missing
from benchmarks.endurance.page import section
from benchmarks.endurance.plot import svg


def trace() -> Trace:
    """One fault at 100 s with an error, and calm requests before it."""
    return Trace(
        events=[*(Event(float(n), "assess", 200, 0.01) for n in range(50)), Event(101.0, "assess", 503, 0.1)],
        windows=[Window("encoder killed", 100.0, 106.0)],
        samples=[Sample(float(n), "assessor", 7, 100.0, 20) for n in range(0, 600, 5)],
        records=["a", "b"],
    )


def test_an_error_in_the_window_of_a_fault_is_excused_and_one_outside_is_not() -> None:
    run = trace()
    assert failures(run)["5xx in faults"] == 1
    assert judge(run, {"record": 0}, 10)["passed"]
    run.events.append(Event(300.0, "assess", 500, 0.1))
    assert failures(run)["5xx otherwise"] == 1
    assert not judge(run, {"record": 0}, 10)["passed"]


def test_a_lost_record_fails_the_run(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.executescript(
            "CREATE TABLE record (id); CREATE TABLE feedback (id); INSERT INTO record VALUES ('a')"
        )
    lost = missing(trace(), tmp_path / "store.db")
    assert lost == {"record": 1, "feedback": 0}
    assert not judge(trace(), lost, 10)["passed"]


def test_a_process_that_grows_beyond_the_bound_fails_the_run() -> None:
    run = trace()
    run.samples = [Sample(float(n), "assessor", 7, 100.0 + n / 5, 20) for n in range(0, 600, 5)]
    assert [row["bound"] for row in growths(run)] == ["exceeded"]
    assert not judge(run, {"record": 0}, 10)["passed"]


def test_a_short_life_is_not_judged() -> None:
    run = trace()
    run.samples = [Sample(float(n), "encoder", 8, 100.0 + 10 * n, 20) for n in range(0, 60, 5)]
    assert [row["bound"] for row in growths(run)] == ["lived too short"]


def test_percentiles_are_of_the_answers_outside_faults() -> None:
    [row] = latencies(trace())
    assert (row["requests"], row["outside faults"], row["p99 ms"]) == (51, 50, 10.0)


def test_faults_come_every_five_minutes_and_closer_in_a_short_run() -> None:
    assert every(45 * 60) == 300
    assert every(180) == 45


def test_the_plot_is_well_formed_and_names_faults_and_services() -> None:
    text = svg(trace(), 600)
    ElementTree.fromstring(text)
    assert "encoder killed" in text
    assert "assessor" in text


def test_the_section_has_the_figures_of_the_run_and_says_when_it_failed() -> None:
    run = trace()
    run.feedback = ["c"]
    text = section(judge(run, {"record": 1, "feedback": 0}, 45))
    assert "`make bench-endurance MINUTES=45`" in text
    assert "The run **failed**." in text
    assert "2 records and 1 entries of feedback; missing at the end: 1 and 0." in text
    assert "Responses of class 5xx: 1 in faults, 0 otherwise." in text
    assert "| assessor | 595 | 100 → 100 | 20 → 20 | kept |" in text


def test_a_short_run_is_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--minutes", "10", "--keep"])
    assert "a run of 10 minutes is not kept; --minutes 45 or more" in capsys.readouterr().err
