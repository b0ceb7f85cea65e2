"""The options of the commands and the types that copy their values."""

from dataclasses import dataclass, fields
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from signalbox.capacity.boot_logs.spec_from_log import LogOverrides
from signalbox.capacity.cli.options import BootOptions, PlanOptions, command_of
from signalbox.capacity.cli.run import request_of
from signalbox.capacity.planner.request import Request


def names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)}


def test_every_field_of_a_request_has_an_option():
    assert set(Request.model_fields) <= names(PlanOptions)


def test_every_override_has_an_option():
    assert names(LogOverrides) <= names(BootOptions)


def test_the_defaults_of_the_options_are_those_of_a_request():
    assert request_of(PlanOptions()) == Request()


def test_options_become_a_request():
    options = PlanOptions(model="m", gpu="L4", tensor_parallel="2", eager=True, allow_unproven=True, top=3)
    assert request_of(options) == Request(
        model="m", gpu="L4", tensor_parallel=2, eager=True, allow_unproven=True
    )


@dataclass(frozen=True)
class Options:
    path: Annotated[str, typer.Argument()]
    count: Annotated[int, typer.Option(help="Number of copies.")] = 1


@pytest.mark.parametrize(
    ("arguments", "output"), [(["a"], "Options(path='a', count=1)"), (["a", "--count", "2"], "count=2")]
)
def test_a_command_receives_its_fields(arguments: list[str], output: str) -> None:
    app = typer.Typer()

    @app.command()
    @command_of(Options)
    def show(options: Options) -> None:
        """Show the options."""
        typer.echo(str(options))

    assert output in CliRunner().invoke(app, arguments).output
    text = CliRunner().invoke(app, ["--help"]).output
    assert "Show the options." in text
    assert "Number of copies." in text
