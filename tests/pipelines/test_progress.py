"""Progress with and without a terminal."""

import io
import logging

from rich.console import Console

from pipelines.progress import progress


def run(total, *, completed=0, console=None):
    with progress("evaluate", total, completed=completed, console=console) as advance:
        for _ in range(total - completed):
            advance()


def test_a_terminal_shows_a_bar():
    text = io.StringIO()
    run(4, console=Console(file=text, force_terminal=True, width=80))
    assert "evaluate" in text.getvalue()
    assert "4/4" in text.getvalue()


def test_without_a_terminal_a_console_gets_a_line_for_every_fifth():
    text = io.StringIO()
    run(20, console=Console(file=text))
    assert text.getvalue().split("\n")[:2] == ["  evaluate: 4 of 20", "  evaluate: 8 of 20"]
    assert len(text.getvalue().splitlines()) == 5


def test_without_a_console_the_log_gets_it(caplog):
    with caplog.at_level(logging.INFO):
        run(3, completed=1)
    assert [vars(line)["completed"] for line in caplog.records] == [2, 3]
    assert {(line.message, vars(line)["step"], vars(line)["total"]) for line in caplog.records} == {
        ("progress", "evaluate", 3)
    }


def test_nothing_to_do_shows_nothing():
    text = io.StringIO()
    run(0, console=Console(file=text))
    assert text.getvalue() == ""
