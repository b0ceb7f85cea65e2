"""The table of `signalbox models list`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from signalbox.artifacts.catalogue.entries import CatalogueModel
from signalbox.artifacts.catalogue.places import located, models_dir

_NEVER_CUT = ("name", "size", "license")
_LANGUAGES = 4  # as many as a row has room for


def show(models: Sequence[CatalogueModel], cache_dir: Path, console: Console) -> None:
    """Print a row for each model, then the notes of those that have one."""
    table = Table()
    for title in ("name", "kind", "size", "languages", "license", "there"):
        table.add_column(title, no_wrap=title in _NEVER_CUT)
    for model in models:
        cells = (model.name, model.kind, f"{model.size / 1e6:,.0f} MB", languages(model.languages))
        table.add_row(*cells, model.license, presence(model, cache_dir))
    console.print(table)
    for model in models:
        if model.note:
            console.print(f"{model.name}: {model.note}", highlight=False, markup=False, soft_wrap=True)


def presence(model: CatalogueModel, cache_dir: Path) -> str:
    """`yes` in the cache, `installed` in a package of this environment, else `no`."""
    folder = located(model, cache_dir)
    if folder is None:
        return "no"
    return "yes" if folder.is_relative_to(models_dir(cache_dir)) else "installed"


def languages(codes: Sequence[str]) -> str:
    """The languages of the shipped tasks first, then the number of the others."""
    if len(codes) <= _LANGUAGES:
        return ", ".join(codes)
    first = [code for code in ("en", "de") if code in codes] or list(codes[:1])
    return f"{', '.join(first)}, {len(codes) - len(first)} more"
