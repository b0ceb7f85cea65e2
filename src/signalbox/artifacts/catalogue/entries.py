"""Entries of the catalogue, `models.yaml`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from signalbox.errors import InputError, NotFoundError

_Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
# Letters and digits at both ends: a name is part of a path, and told apart from options, paths and hf:REPO.
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$", max_length=80)]
_NEAREST, _CUTOFF = 3, 0.5


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Carrier(_Entry):
    """A package that contains the bytes of a file, or of a part of it, as `member`."""

    package: str = Field(min_length=1)
    version: str = Field(min_length=1)
    member: str = Field(min_length=1)


class ModelFile(_Entry):
    """A file of a model: its path in the Hub's repository, size in bytes, SHA-256, and its carriers in order."""

    path: str = Field(min_length=1)
    size: int = Field(gt=0)
    sha256: _Sha256
    packages: tuple[Carrier, ...] = ()

    @property
    def name(self) -> str:
        """The name that the file has on this machine."""
        return PurePosixPath(self.path).name


class CatalogueModel(_Entry):
    """A model: where its files come from, and what a person wants to know before a download."""

    name: _Name
    kind: Literal["encoder", "decoder"]
    repository: str | None = None
    revision: str = "main"
    license: str
    languages: tuple[str, ...] = Field(min_length=1)
    note: str = ""
    files: tuple[ModelFile, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_a_source(self) -> CatalogueModel:
        names = [file.name for file in self.files]
        if len(set(names)) < len(names) or any(name in ("", ".", "..") for name in names):
            raise ValueError("the files need different names")
        if self.kind == "decoder" and len(names) != 1:
            raise ValueError("a decoder has one GGUF file")
        without = [file.path for file in self.files if not file.packages]
        if self.repository is None and without:
            raise ValueError(f"{without[0]} has neither a repository nor packages")
        return self

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def path_in(self, folder: Path) -> Path:
        """What a program is given: the GGUF file of a decoder, the folder of an encoder."""
        return folder / self.files[0].name if self.kind == "decoder" else folder


class _File(_Entry):
    models: tuple[CatalogueModel, ...]


def load_catalogue(more: Path | None = None) -> tuple[CatalogueModel, ...]:
    """The models of the library, then those of the file `more`; a name there replaces the same name here.

    Raises InputError for a file that cannot be read, and for the first entry that is wrong.
    """
    own = resources.files(__package__).joinpath("models.yaml").read_text(encoding="utf-8")
    models = _parse(own, "models.yaml")
    if more is not None:
        try:
            models = (*models, *_parse(more.read_text(encoding="utf-8"), str(more)))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("models_file", str(more), f"It cannot be read ({error}).") from error
    return tuple({model.name: model for model in models}.values())


def find_model(name: str, models: Sequence[CatalogueModel]) -> CatalogueModel:
    """The model of that name. Raises NotFoundError with the nearest names."""
    for model in models:
        if model.name == name.lower():
            return model
    names = [model.name for model in models]
    near = difflib.get_close_matches(name.lower(), names, _NEAREST, _CUTOFF)
    near = near or [known for known in names if name and name.lower() in known]
    hint = f"did you mean {_listed(near)}?" if near else "Run `signalbox models list`."
    raise NotFoundError("model", name, hint, problem=f"unknown model `{name}`")


def _listed(names: Sequence[str]) -> str:
    *others, last = [f"`{name}`" for name in names]
    return f"{', '.join(others)} or {last}" if others else last


def _parse(text: str, source: str) -> tuple[CatalogueModel, ...]:
    try:
        return _File.model_validate(yaml.safe_load(text)).models
    except yaml.YAMLError as error:
        raise InputError("models_file", source, f"It is no YAML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "models"
        raise InputError(
            f"{source}: {field}", first.get("input"), f"{first['msg'].removeprefix('Value error, ')}."
        ) from error
