"""The monthly table of usage, its CSV and the command."""

import asyncio
import csv
import io
from datetime import date

import pytest
from typer.testing import CliRunner

from signalbox.cli import installed_app
from signalbox.contracts.usage import UNKNOWN, Amount, UsageKey
from signalbox.store import open_store
from signalbox.usage.energy import Energy
from signalbox.usage.report import as_csv, monthly, months_before

USAGE = {
    UsageKey(date(2026, 10, 31), "reports", "decoder"): Amount(1, 10, 100, 1.0),
    UsageKey(date(2026, 11, 1), "reports", "decoder"): Amount(2, 20, 1000, 2.0),
    UsageKey(date(2026, 11, 2), "reports", "decoder"): Amount(3, 30, 1000, 3.0),
    UsageKey(date(2026, 11, 2), "reports", "encoder"): Amount(4, 0, 0, 3600.0),
    UsageKey(date(2026, 11, 3), UNKNOWN, ""): Amount(5),
}


def test_a_month_of_a_client_is_one_row():
    rows = monthly(USAGE, Energy(wh_per_1k_tokens=2.5, encoder_watts=40))
    summary = [(row.month, row.client, row.models, row.amount.requests) for row in rows]
    assert summary == [
        ("2026-10", "reports", ("decoder",), 1),
        ("2026-11", UNKNOWN, (), 5),
        ("2026-11", "reports", ("decoder", "encoder"), 9),
    ]
    assert [row.watthours for row in rows] == [pytest.approx(0.25), 0, pytest.approx(45.0)]


def test_an_estimate_without_a_figure_for_one_model_is_not_known():
    rows = monthly(USAGE, Energy(wh_per_1k_tokens=2.5))
    assert [row.watthours for row in rows] == [pytest.approx(0.25), 0, None]
    by_model = monthly(USAGE, Energy(wh_per_1k_tokens=2.5), by_model=True)
    assert [(row.models, row.watthours) for row in by_model[2:]] == [
        (("decoder",), 5.0),
        (("encoder",), None),
    ]


def test_the_csv_has_all_figures():
    rows = list(csv.DictReader(io.StringIO(as_csv(monthly(USAGE, Energy(2.5))))))
    assert rows[0] == {
        "month": "2026-10",
        "client": "reports",
        "model": "decoder",
        "requests": "1",
        "prompt_tokens": "10",
        "completion_tokens": "100",
        "seconds": "1.000",
        "watthours_estimate": "0.250",
    }
    assert rows[2]["model"] == "decoder+encoder"
    assert rows[2]["watthours_estimate"] == ""


@pytest.mark.parametrize(
    ("month", "count", "expected"),
    [((2026, 1), 1, (2025, 12)), ((2026, 12), -1, (2027, 1)), ((2026, 11), 23, (2024, 12))],
)
def test_months_are_counted_across_years(month, count, expected):
    assert months_before(date(*month, 1), count) == date(*expected, 1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")

    async def fill() -> None:
        async with open_store(f"sqlite:///{tmp_path / 'signalbox.db'}") as store:
            await store.usage.add(USAGE)

    asyncio.run(fill())
    return lambda *words: CliRunner().invoke(installed_app(), ["usage", *words])


def test_the_command_prints_one_month_by_default_and_more_on_request(run):
    assert run("--month", "2026-10").stdout.count("reports") == 1
    both = run("--month", "2026-11", "--months", "2", "--csv")
    assert [line.split(",")[:2] for line in both.stdout.splitlines()[1:]] == [
        ["2026-10", "reports"],
        ["2026-11", UNKNOWN],
        ["2026-11", "reports"],
    ]
    assert "No usage in 2020-01." in run("--month", "2020-01").stdout


def test_a_month_that_is_none_is_named(run):
    result = run("--month", "November")
    assert result.exit_code == 2
    assert "--month" in result.stderr
    assert "`November`" in result.stderr or "November" in result.stderr
