"""The commands that start or check the stack on one machine; `signalbox` loads them as an entry point."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from local.command import step_settings
from local.doctor import Purpose
from signalbox.contracts.routes import ModelName
from signalbox.errors import EXIT_FAILURE

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def demo(
    interactive: Annotated[bool, typer.Option(help="Keep running until Ctrl-C.")] = True,
    model: Annotated[
        str, typer.Option(help="Decoder, as in SIGNALBOX_DECODER_MODEL, to certify instead of the encoder.")
    ] = "",
) -> None:
    """Train, serve, assess, evaluate, certify and compare on this machine."""
    with step_settings() as settings:
        from local import demo as steps

        certified: ModelName = "decoder" if model or not settings.starts_encoder else "encoder"
        chosen = settings.model_copy(update={"decoder_model": model}) if model else settings
        steps.demo(chosen, Console(), certified, interactive=interactive)


@app.command()
def serve() -> None:
    """Start encoder, decoder, assessor and MLflow until Ctrl-C; trains first if nothing is trained."""
    with step_settings() as settings:
        from local import demo as steps

        steps.serve(settings, Console())


@app.command()
def fetch() -> None:
    """Download the decoder's file and export the encoders to ONNX."""
    with step_settings() as settings:
        from pipelines.train.encoders import release_files
        from signalbox.artifacts import gguf_file

        console = Console()
        if settings.starts_decoder:
            console.print(f"decoder: {gguf_file(settings.decoder_model, settings)}", soft_wrap=True)
        for path in release_files("both", settings.cache_dir).values():
            console.print(f"encoder: {path}", soft_wrap=True)


@app.command()
def doctor(
    purpose: Annotated[Purpose, typer.Option("--for", help="Purpose to check for.")] = "demo",
) -> None:
    """Check this machine for missing dependencies."""
    with step_settings() as settings:
        from local.doctor import examine, show

        findings = examine(settings, purpose)
        show(findings, Console())
        if any(finding.blocks for finding in findings):
            raise typer.Exit(EXIT_FAILURE)
