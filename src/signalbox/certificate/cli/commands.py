"""`signalbox certify`: plan campaigns, issue certificates from their labels, and check a certificate by replay."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from signalbox.command import command_settings
from signalbox.contracts.routes import Route
from signalbox.errors import InputError

# Modules with signatures and the store are imported by the step that needs them: the command line starts without them.
# ruff: noqa: PLC0415


def certify(
    language: Annotated[str, typer.Option(help="Language. Defaults to all languages of the task.")] = "",
    route: Annotated[Route | None, typer.Option(help="Route. Defaults to all routes.")] = None,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Plan campaigns from the answers in the store, before the first label."),
    ] = False,
    once: Annotated[
        bool,
        typer.Option("--once", help="Plan for a backlog: all labels are entered, then looked at one time."),
    ] = False,
    check: Annotated[
        Path | None, typer.Option("--check", help="Replay a certificate from its labels, step by step.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", help="Private key that signs. Defaults to SIGNALBOX_CERTIFICATE_PRIVATE_KEY."),
    ] = None,
    create_key: Annotated[
        Path | None,
        typer.Option("--create-key", help="Create a private key, and its public key with the suffix .pub."),
    ] = None,
) -> None:
    """Certify green answers: issue a certificate for each campaign whose labels show it."""
    with command_settings() as settings:
        console = Console(soft_wrap=True, highlight=False, markup=False)
        if create_key is not None:
            from signalbox.certificate.signing import create_key as create

            console.print(f"private key: {create_key}\npublic key:  {create(create_key)}")
        elif check is not None:
            _check(console, check, settings.certificate_public_key)
        else:
            from signalbox.certificate.cli.run import Run

            run = Run(settings, language or None, route)
            private = key or settings.certificate_signing_key
            now = datetime.now(UTC)
            report = console.print
            asyncio.run(
                run.plan(now, once=once, report=report) if plan else run.certify(now, private, report=report)
            )


def _check(console: Console, path: Path, public_key: Path) -> None:
    """Print each step of the replay. Raises InputError for a file that does not hold."""
    from signalbox.certificate.check import check
    from signalbox.certificate.signing import key_id, load_public_key, verify

    public = load_public_key(public_key)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("check", str(path), "Name a certificate file.") from error
    certificate = verify(content, str(path), public)
    console.print(f"ok      signature: by the key {key_id(public)}")
    steps = check(certificate, datetime.now(UTC))
    for step in steps:
        console.print(f"{'ok' if step.passed else 'failed':<7} {step.name}: {step.text}")
    if failed := [step.name for step in steps if not step.passed]:
        raise InputError(
            "check",
            str(path),
            "Certify again with `signalbox certify`.",
            problem=f"{path} does not hold: {', '.join(failed)}.",
        )
    campaign = certificate.campaign
    console.print(
        f"certified: at most {campaign.alpha:.0%} of such answers are wrong; such a statement is false in at most "
        f"{campaign.delta:.0%} of campaigns."
    )
