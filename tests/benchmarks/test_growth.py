"""Slopes, and the page from its rows."""

from __future__ import annotations

import json
import math

import pytest
import yaml

from benchmarks.growth import page
from benchmarks.growth.cost import Cost, over_sizes, slope
from benchmarks.growth.paths import PATHS


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_a_power_has_its_exponent_as_slope(exponent: float) -> None:
    sizes = [1, 4, 16, 64]
    assert slope(sizes, [3 * size**exponent for size in sizes]) == pytest.approx(exponent)


def test_a_cost_below_the_clock_has_no_slope() -> None:
    assert math.isnan(slope([1, 4], [0.0, 1.0]))
    assert math.isnan(slope([1], [1.0]))


def test_sizes_are_measured_in_turns_and_have_the_median() -> None:
    order: list[int] = []

    def measure(size: int) -> Cost:
        order.append(size)
        return Cost(float(len(order)), 1.0)

    rows = over_sizes([1, 2], measure, rounds=3)
    assert order == [1, 2, 1, 2, 1, 2]
    assert [row.cost.seconds for row in rows] == [3.0, 4.0]


def test_each_path_has_a_section_and_at_least_four_sizes() -> None:
    sections = yaml.safe_load(page._SECTIONS.read_text(encoding="utf-8"))
    assert set(sections) == set(PATHS)
    assert all(set(one) == {"title", "size", "work", "bound", "next"} for one in sections.values())
    assert all(len(path.sizes) >= 4 for path in PATHS.values())


def test_the_page_has_the_rows_of_both_benchmarks(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    measured = {"day": "2026-11-30", "cores": 2, "load": 9.5}
    rows = [{"size": 10**n, "seconds": 10**n / 1000, "cpu_seconds": 0.5} for n in range(4)]
    growth, peers = tmp_path / "growth.json", tmp_path / "peers.json"
    growth.write_text(json.dumps({"append": {"measured": measured, "rows": rows}}))
    peers.write_text(
        json.dumps({"start": {"measured": measured, "rows": [{"command": "x", "seconds": 0.2}]}})
    )
    monkeypatch.setattr(page, "ROWS", growth)
    monkeypatch.setattr(page, "PEER_ROWS", peers)
    text = page.page()
    assert "| 1 to 1,000 records | 1.00 (1.00 at the end) | 0.00 (0.00 at the end) | 50% |" in text
    assert "Measured on 2026-11-30, 2 shared cores, load average 9.5." in text
    assert "| x | 0.2 |" in text
    assert "Rules over so many model servers" not in text  # it has no rows
