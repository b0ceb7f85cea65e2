"""Rounds in turns and their ratios."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.peers.rounds import group_cpu_seconds, in_turns, median, ratios, spread


def test_every_second_round_runs_backwards() -> None:
    order: list[str] = []

    def contestant(name: str) -> dict[str, float]:
        order.append(name)
        return {"seconds": float(len(order))}

    rounds = in_turns({"a": lambda: contestant("a"), "b": lambda: contestant("b")}, rounds=2)
    assert order == ["a", "b", "b", "a"]
    assert median(rounds, "a", "seconds") == 2.5


def test_ratios_are_taken_within_a_round() -> None:
    rounds = [
        {"ours": {"rate": 10.0}, "theirs": {"rate": 5.0}},
        {"ours": {"rate": 2.0}, "theirs": {"rate": 2.0}},
    ]
    assert ratios(rounds, "rate", "ours", "theirs") == [2.0, 1.0]
    assert spread([2.0, 1.0]) == "1.50 (1.00 to 2.00)"


def test_the_cpu_time_of_a_group_includes_children_that_have_ended() -> None:
    burn = "sum(range(3_000_000))"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{burn}']); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert group_cpu_seconds(process.pid) > 0
        process.communicate(b"\n")
    assert group_cpu_seconds(process.pid) == 0
