"""The help of `signalbox`, next to what typer prints with rich."""

import io
import sys

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from signalbox.cli import make_app
from signalbox.overview import panel

COMMANDS = "╭─ Commands"


def output_of(app: typer.Typer, *arguments: str, **environment: str) -> str:
    return CliRunner().invoke(app, arguments, env=environment).output


@pytest.fixture
def app() -> typer.Typer:
    """The library's command line."""
    return make_app([], "")


@pytest.fixture
def rich_app() -> typer.Typer:
    """The same, with the help of typer."""
    app = make_app([], "")
    app.info.cls = TyperGroup
    return app


@pytest.mark.parametrize("columns", ["60", "80", "133", "250"])
def test_the_help_is_the_one_of_typer_in_every_width(app, rich_app, columns):
    ours, typers = (output_of(one, "--help", COLUMNS=columns) for one in (app, rich_app))
    assert ours.partition(COMMANDS)[2] == typers.partition(COMMANDS)[2]
    # Typer leaves room for short forms, which no option of the group has.
    words = [line.replace("│", "").split() for line in (ours, typers)]
    assert [one for one in words[0] if "─" not in one] == [one for one in words[1] if "─" not in one]


def test_no_line_is_wider_than_the_terminal(app):
    assert max(map(len, output_of(app, "--help", COLUMNS="70").splitlines())) == 70


def test_without_a_command_the_help_is_printed_and_the_status_is_that_of_wrong_input(app, rich_app):
    ours, typers = (CliRunner().invoke(one, []) for one in (app, rich_app))
    assert ours.exit_code == typers.exit_code
    assert COMMANDS in ours.stdout


@pytest.mark.parametrize(("variable", "has_color"), [("NO_COLOR", False), ("FORCE_COLOR", True)])
def test_colors_follow_the_environment(app, variable, has_color):
    environment = {"NO_COLOR": "", "FORCE_COLOR": "", "TERM": "xterm", variable: "1"}
    assert ("\033[1;36mplan\033[0m" in output_of(app, "--help", **environment)) == has_color


def test_an_encoding_without_box_lines_gets_ascii(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert "\n".join(panel("Commands", [("plan", "Plan it.")], ("1",), 40)).isascii()


def test_a_panel_without_rows_is_not_printed():
    assert panel("Commands", [], (), 80) == []
