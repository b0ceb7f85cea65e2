"""Where the files of a model are on this machine: in the cache, or in an installed carrier."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from signalbox.artifacts.catalogue.entries import CatalogueModel, ModelFile
from signalbox.errors import SetupError


def models_dir(cache_dir: Path) -> Path:
    """The folder of all models that were pulled; each has a folder of its name."""
    return cache_dir / "models"


def located(model: CatalogueModel, cache_dir: Path) -> Path | None:
    """The folder with all files of a model, in their full size; None where one is missing.

    The checksum is compared when a file is pulled, not here.
    """
    folder = models_dir(cache_dir) / model.name
    if all(is_there(folder / file.name, file) for file in model.files):
        return folder
    installed = next((path.parent for file in model.files if (path := _installed(file)) is not None), None)
    if installed and all(is_there(installed / file.name, file) for file in model.files):
        return installed
    return None


def is_there(path: Path, file: ModelFile) -> bool:
    """Whether a path is a file of the right size."""
    return path.is_file() and path.stat().st_size == file.size


def model_folder(model: CatalogueModel, cache_dir: Path) -> Path:
    """Like `located`. Raises SetupError where a file is missing."""
    folder = located(model, cache_dir)
    if folder is None:
        raise SetupError(
            f"The model `{model.name}` is not on this machine.", hint=f"signalbox models pull {model.name}"
        )
    return folder


def _installed(file: ModelFile) -> Path | None:
    """The file in its package, if that is installed in the version of the catalogue. The package is not imported."""
    if len(file.packages) != 1:
        return None
    (carrier,) = file.packages
    try:
        package = distribution(carrier.package)
    except PackageNotFoundError:
        return None
    if package.version != carrier.version:
        return None
    path = Path(str(package.locate_file(carrier.member)))
    return path if path.is_file() else None
