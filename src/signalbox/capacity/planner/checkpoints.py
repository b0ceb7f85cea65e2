"""What an engine is started with: the name that was typed, or a copy of that model in the planned quantization.

The catalogue lends only a model's shape. A name with an owner is served as it is written; a name without one is
completed from data/checkpoints.yaml. Where a quantization needs files that are stored so, the table names a copy,
else nothing is named and `advice` says what to look for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from signalbox.capacity.datafile import read
from signalbox.capacity.models.catalogue_names import plain_key, split_encoding
from signalbox.capacity.spec import Spec
from signalbox.capacity.support.matrix import load_support

_PLAIN = ("bf16", "fp16", "fp32")
_GGUF_ENGINES = ("llamacpp", "ollama")
_GGUF_NAME = re.compile(r"[-_.]gguf(?=$|[:/])|\.gguf$", re.IGNORECASE)
_FILE = ".gguf"
_TUNINGS = frozenset(("instruct", "it", "chat", "base", "pt", "hf", "thinking"))


@dataclass(frozen=True)
class Checkpoint:
    """The files of a start. `name` is empty where none are known, and `advice` says what to look for.

    `name` is a repository, a path, an Ollama tag or the name of a NIM; `file` one GGUF file of it. `stored`: the
    files are in the planned quantization already.
    """

    name: str
    file: str = ""
    stored: bool = False
    advice: str = ""

    @property
    def known(self) -> bool:
        return bool(self.name)


@dataclass(frozen=True)
class _Row:
    """Copies of one model."""

    model: str
    stored: Mapping[str, str]
    ollama: str
    nim: str


def checkpoint(typed: str | None, spec: Spec) -> Checkpoint:
    """The files that a spec is started with; `typed` is the model as it was named."""
    name = (typed or spec.model.name).removeprefix("hf:").strip()
    if typed is None and "/" not in name:
        advice = f"the files of `{name}`: add --model OWNER/NAME, or the path of their folder"
        return Checkpoint("", advice=advice)
    if spec.engine.name == "ollama":
        return _ollama(name, spec)
    if spec.engine.name == "nim":
        return _nim(name, spec)
    if spec.engine.name == "llamacpp":
        return _gguf(name, spec)
    return _tensors(name, spec)


def repository(name: str, row: str) -> str:
    """The repository that a typed name stands for, where `row` is the catalogue's name of the same shape.

    "" for the name of another model whose owner is not known.
    """
    if "/" in name or not row:
        return name
    base, known = split_encoding(name)[0], _table()["repositories"]
    exact = next((one for one in (row, *known) if _last(one) == plain_key(base)), None)
    nickname = exact or _table()["nicknames"].get(base.lower())
    if nickname is None:
        nickname = next((one for one in (row, *known) if _words(base) <= _words(one)), None)
    if nickname is not None:
        return str(nickname)
    owner, _, _ = row.rpartition("/")
    return f"{owner}/{base}" if owner and _words(base) - _words(row) <= _TUNINGS else ""


def _last(name: str) -> str:
    return plain_key(name.rsplit("/", maxsplit=1)[-1])


def _words(name: str) -> frozenset[str]:
    """Words and numbers of a name without its owner: phi4 and phi-4 have the same ones."""
    last = name.rsplit("/", maxsplit=1)[-1].lower()
    return frozenset(re.findall(r"\d+(?:\.\d+)?|[a-z]+", last))


def copies(model: str) -> Mapping[str, str]:
    """Repositories of a model by the quantization that they are stored in; gguf stands for all GGUF types."""
    row = _row_of(model)
    return row.stored if row else {}


def _tensors(name: str, spec: Spec) -> Checkpoint:
    """vLLM, SGLang and TGI: safetensors in the planned quantization, or in 16 bits where the engine quantizes."""
    if _GGUF_NAME.search(name) and spec.quantization.compute != "gguf":
        advice = f"`{name}` holds GGUF files: use engine llamacpp, or name the repository with safetensors"
        return Checkpoint("", advice=advice)
    own = spec.model.checkpoint_quantization
    served = repository(name, spec.model.name)
    if not served:
        return Checkpoint("", advice=_owner_advice(name))
    quantization = spec.quantization.name
    if own is not None and ("/" in name or split_encoding(name)[1] is None):
        return Checkpoint(served, stored=True)
    if quantization in _PLAIN or quantization in load_support().while_loading.get(spec.engine.name, ()):
        return Checkpoint(served)
    copy = copies(served).get(quantization)
    return (
        Checkpoint(copy, stored=True) if copy else Checkpoint("", advice=_copy_advice(served, quantization))
    )


def _gguf(name: str, spec: Spec) -> Checkpoint:
    """llama.cpp: a GGUF file, or a repository of them with the type after a colon."""
    kind = spec.quantization.name.removeprefix("gguf-").upper()
    if Path(name).is_dir() or name.endswith(".json"):
        return Checkpoint(
            "", advice=f"a GGUF file of the model in {kind}: pass its path or repository as --model"
        )
    if name.lower().endswith(_FILE):
        folder, _, file = name.rpartition("/")
        on_hub = folder.count("/") == 1 and not name.startswith((".", "/"))
        return Checkpoint(folder if on_hub else name, file=file if on_hub else "", stored=True)
    if _GGUF_NAME.search(name) and "/" in name:
        return Checkpoint(name if ":" in name else f"{name}:{kind}", stored=True)
    served = repository(split_encoding(name)[0] if "/" not in name else name, spec.model.name)
    copy = copies(served).get("gguf") if served else None
    if copy:
        return Checkpoint(f"{copy}:{kind}", stored=True)
    return Checkpoint("", advice=_copy_advice(served or name, spec.quantization.name))


def _ollama(name: str, spec: Spec) -> Checkpoint:
    """A tag of Ollama's library, or a GGUF repository on the Hub, which Ollama pulls too."""
    if ":" in name and not _GGUF_NAME.search(name):
        return Checkpoint(name, stored=True)
    kind = spec.quantization.name.removeprefix("gguf-")
    served = repository(split_encoding(name)[0] if "/" not in name else name, spec.model.name)
    row = _row_of(served) if served else None
    if row and row.ollama and spec.quantization.compute == "gguf":
        return Checkpoint(row.ollama.replace("{type}", _tag(kind)), stored=True)
    file = _gguf(name, spec)
    if file.known and "/" in file.name and not file.name.startswith((".", "/")):
        return Checkpoint(f"hf.co/{file.name}", stored=True)
    advice = (
        f"a tag of {served or name} on ollama.com/library in {kind}: pass it as --model, for example NAME:TAG"
    )
    return Checkpoint("", advice=advice)


def _tag(kind: str) -> str:
    """A type as Ollama's tags write it: q4_K_M, q8_0, fp16."""
    upper = re.sub(r"_[a-z]+", lambda part: part[0].upper(), kind)
    return {"f16": "fp16", "q6_K": "q6_K"}.get(upper, upper)


def _nim(name: str, spec: Spec) -> Checkpoint:
    served = repository(name, spec.model.name)
    row = _row_of(served) if served else None
    if row and row.nim:
        return Checkpoint(row.nim, stored=True)
    if name.count("/") == 1 and name == name.lower() and not split_encoding(name)[1]:
        return Checkpoint(name, stored=True)
    return Checkpoint(
        "", advice=f"a NIM of {served or name} on catalog.ngc.nvidia.com: pass its name as --model"
    )


def _copy_advice(model: str, quantization: str) -> str:
    kind = "GGUF" if quantization.startswith("gguf") else quantization
    repositories = ", ".join(sorted(copies(model)))
    others = f"; known copies are in {repositories}" if repositories else ""
    return f"no copy of {model} in {quantization} is known{others}: search the Hub for one in {kind}, and pass it as --model"


def _owner_advice(name: str) -> str:
    return f"the owner of `{name}` on the Hub is not known: write --model OWNER/{name}"


def _row_of(model: str) -> _Row | None:
    key = _plain_repository(model)
    return next((row for row in _rows() if _plain_repository(row.model) == key), None)


def _plain_repository(name: str) -> str:
    """The name after the owner, in any case: Meta's prefix was dropped between releases."""
    last = name.rsplit("/", maxsplit=1)[-1].lower()
    return plain_key(last.removeprefix("meta-"))


@cache
def _table() -> dict[str, Any]:
    """data/checkpoints.yaml, parsed once: the file never changes."""
    table: dict[str, Any] = read("checkpoints.yaml")
    return table


@cache
def _rows() -> tuple[_Row, ...]:
    return tuple(_read_rows())


def _read_rows() -> Iterator[_Row]:
    for row in _table()["checkpoints"]:
        yield _Row(row["model"], row["stored"], row.get("ollama", ""), row.get("nim", ""))
    for rule in _table()["rules"]:
        for model in rule["models"]:
            name = model.rsplit("/", maxsplit=1)[-1]
            size = re.search(r"\d+(?:\.\d+)?b", name.lower())
            family = re.sub(r"-\d+(?:\.\d+)?b.*$", "", name.lower())
            words = {"name": name, "family": family, "size": size[0] if size else "", "type": "{type}"}
            stored = {kind: text.format(**words) for kind, text in rule["stored"].items()}
            yield _Row(model, stored, rule.get("ollama", "").format(**words), "")
