"""The command line: `signalbox --help`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from signalbox.capacity.commands import calibrate, plan
from signalbox.explained import EXIT_FAILURE, explained
from signalbox.key_commands import keys

app = typer.Typer(
    help="Open language models on your own hardware, and which of their answers to trust.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_Route = Literal["encoder", "decoder", "cascade"]

app.command()(plan)
app.command()(calibrate)
app.add_typer(keys)


@app.command()
def demo(interactive: Annotated[bool, typer.Option(help="Stay up until Ctrl-C.")] = True) -> None:
    """Train, serve, assess, evaluate and compare on this machine."""
    with explained() as settings:
        from signalbox.local.demo import demo as run

        run(settings, Console(), interactive=interactive)


@app.command()
def train() -> None:
    """Train the encoder on the few-shot examples and the ground truth collected so far (MLflow must be up)."""
    with explained() as settings:
        from pipelines.train import train as run

        trained = run(settings)
        table = Table("candidate", "accuracy", "log loss", title=f"cross-validation on {trained.rows} rows")
        for score in trained.scores:
            table.add_row(score.candidate.name, f"{score.accuracy:.2f}", f"{score.log_loss:.3f}")
        console = Console()
        console.print(table)
        console.print(
            f"release {trained.release.key}\nin {trained.folder}; a running encoder takes it at its next start"
        )


@app.command()
def serve() -> None:
    """Start encoder, decoder, assessor and MLflow, until Ctrl-C; trains when nothing was trained yet."""
    with explained() as settings:
        from signalbox.local.demo import serve as run

        run(settings, Console())


@app.command()
def assess(
    text: str,
    language: Annotated[str, typer.Option(help="Language of the text.")] = "en",
    model: Annotated[_Route, typer.Option(help="Which model answers.")] = "cascade",
) -> None:
    """Assess one text through the running assessor."""
    with explained() as settings:
        from signalbox.client import assess as run
        from signalbox.local.demo import print_prediction

        print_prediction(Console(), text, run(settings, [text], language, model)[0])


@app.command()
def thresholds(
    model: Annotated[Literal["encoder", "decoder"], typer.Option(help="Which model.")] = "decoder",
) -> None:
    """Fit the thresholds of a running model on the calibration split."""
    with explained() as settings:
        from pipelines.calibrate import calibrate as run

        run(settings, model)


@app.command()
def evaluate(
    limit: Annotated[int | None, typer.Option(min=1, help="Rows for each language and label.")] = None,
    fresh: Annotated[bool, typer.Option(help="Ask everything again.")] = False,
) -> None:
    """Evaluate the running services on the test split."""
    with explained() as settings:
        from rich.markdown import Markdown

        from pipelines.evaluate import evaluate as run
        from pipelines.report import markdown

        for evaluation in run(settings, limit=limit, fresh=fresh):
            Console().print(Markdown(markdown(evaluation)))


@app.command()
def compare() -> None:
    """Compare encoder, decoder and cascade with the baselines: accuracy, latency, memory, size."""
    with explained() as settings:
        from pipelines.compare import compare as run
        from pipelines.compare import show

        show(run(settings), Console())


@app.command()
def fetch() -> None:
    """Get what is slow ahead of time: build llama-server, make the encoder's ONNX file."""
    with explained() as settings:
        from pipelines.minilm import ensure_onnx
        from signalbox.local.provision import llama_server

        console = Console()
        console.print(f"llama-server: {llama_server(settings.cache_dir, console)}", soft_wrap=True)
        console.print(f"encoder: {ensure_onnx(settings.cache_dir)}", soft_wrap=True)


@app.command()
def purge(
    days: Annotated[int, typer.Option(min=1, max=36_500, help="Delete records that are older.")],
) -> None:
    """Delete old records with their feedback (retention)."""
    with explained() as settings:
        import asyncio

        from signalbox.store import open_store

        async def run() -> int:
            async with open_store(settings.store_url) as store:
                return await store.purge(datetime.now(UTC) - timedelta(days=days))

        Console().print(f"deleted {asyncio.run(run())} records")


@app.command()
def migrate() -> None:
    """Make or change the tables of the record store; what is up to date stays as it is."""
    with explained() as settings:
        import asyncio

        from signalbox.store import migrate as run

        names = asyncio.run(run(settings.store_url))
        Console().print(f"migrated: {', '.join(names)}" if names else "nothing to migrate", soft_wrap=True)


@app.command()
def doctor(
    purpose: Annotated[
        Literal["demo", "test", "bench"], typer.Option("--for", help="What to check for.")
    ] = "demo",
) -> None:
    """Say what this machine lacks, and the command that installs it."""
    with explained() as settings:
        from signalbox.local.doctor import examine

        findings = examine(settings, purpose)
        table = Table("", "what", "found", "hint")
        for finding in findings:
            mark = "[green]✓[/]" if finding.found else "[red]✕[/]" if finding.blocks else "[yellow]-[/]"
            table.add_row(mark, finding.name, finding.found or "", "" if finding.found else finding.hint)
        Console().print(table)
        if any(finding.blocks for finding in findings):
            sys.exit(EXIT_FAILURE)


if __name__ == "__main__":
    app()
